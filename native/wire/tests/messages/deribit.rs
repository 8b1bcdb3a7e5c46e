use super::Message::{Answer, Hot, Stream};
use super::{Ask, Venue};

pub const DERIBIT: Venue = Venue {
    name: "deribit",
    keeps_state: false,
    before: &[],
    messages: &[
        Hot(
            r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"trades.ETH-PERPETUAL.raw","data":[{"trade_seq":1,"trade_id":"ETH-7{n}","timestamp":1700000000001,"tick_direction":0,"price":2000.05,"mark_price":2000.01,"instrument_name":"ETH-PERPETUAL","index_price":2000.02,"direction":"buy","amount":60.0,"contracts":60.0,"liquidation":"M","block_trade_id":"ETH-1","combo_id":null},{"trade_seq":2,"trade_id":"ETH-8","timestamp":1700000000001,"price":2000.1,"instrument_name":"ETH-PERPETUAL","direction":"sell","amount":1}]}}"#,
        ),
        Hot(
            r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"quote.BTC-PERPETUAL","data":{"timestamp":1700000000001,"instrument_name":"BTC-PERPETUAL","best_bid_price":32143.0,"best_bid_amount":179960.0,"best_ask_price":0.0,"best_ask_amount":0.0}}}"#,
        ),
        Hot(
            r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.BTC-PERPETUAL.100ms","data":{"type":"change","timestamp":1700000000002,"prev_change_id":5,"instrument_name":"BTC-PERPETUAL","change_id":9,"bids":[["delete",42500.0,0.0],["change",42499.5,30.0]],"asks":[]}}}"#,
        ),
        Hot(
            r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.BTC-PERPETUAL.none.10.100ms","data":{"instrument_name":"BTC-PERPETUAL","timestamp":1700000000001,"change_id":6,"bids":[[89532.5,254900.0],[89532.0,10]],"asks":[]}}}"#,
        ),
        Hot(
            r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"ticker.BTC-PERPETUAL.100ms","data":{"timestamp":1700000000001,"state":"open","stats":{"high":93612.0,"low":89277.5,"price_change":2.3275,"volume":11897.27,"volume_usd":1092371540.0},"index_price":92263.55,"instrument_name":"BTC-PERPETUAL","last_price":92283.5,"settlement_price":92464.66,"min_price":90897.5,"max_price":93666.5,"open_interest":1132329370,"mark_price":92281.78,"best_ask_price":92284.0,"best_bid_price":92283.5,"best_ask_amount":186520.0,"best_bid_amount":117660.0,"current_funding":0.0001,"funding_8h":1.742e-05}}}"#,
        ),
        Stream(
            r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.BTC-PERPETUAL.100ms","data":{"type":"snapshot","timestamp":1700000000001,"instrument_name":"BTC-PERPETUAL","change_id":5,"prev_change_id":null,"bids":[["new",42500.0,1000.0]],"asks":[["new",42501.5,20.0]]}}}"#,
        ),
        Stream(
            r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"ticker.BTC-30SEP22-60000-C.100ms","data":{"underlying_price":30220.5,"underlying_index":"BTC-30SEP22","timestamp":1700000000001,"stats":{"volume":16.7,"price_change":null,"low":null,"high":0.011},"state":"closed","delivery_price":0.2,"open_interest":1767.5,"mark_price":0.0084,"mark_iv":67.7,"instrument_name":"BTC-30SEP22-60000-C","greeks":{"vega":20.05,"theta":-5.65,"rho":4.9,"gamma":0.00001,"delta":0.05785},"bid_iv":0.0,"best_bid_price":0.0,"best_bid_amount":0.0,"best_ask_price":0.009,"best_ask_amount":18.5,"ask_iv":68.65}}}"#,
        ),
        Stream(
            r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"chart.trades.BTC-PERPETUAL.3","data":{"volume":0.95978896,"tick":1767200040000,"open":87490.0,"low":87465.0,"high":87500.0,"cost":83970.0,"close":87474.0}}}"#,
        ),
        Stream(
            r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"deribit_price_index.btc_usd","data":{"timestamp":1700000000001,"price":3937.89,"index_name":"btc_usd"}}}"#,
        ),
        Stream(
            r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"markprice.options.btc_usd","data":[{"timestamp":1700000000001,"mark_price":0.0333,"iv":0.9,"instrument_name":"A"}]}}"#,
        ),
        Stream(r#"{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}"#),
        Stream(
            r#"{"usIn":1,"jsonrpc":"2.0","id":4,"result":["book.BTC-PERPETUAL.100ms","quote.A","trades.option.BTC.100ms"]}"#,
        ),
        Stream(
            r#"{"jsonrpc":"2.0","id":-5,"error":{"message":"Invalid params","code":-32602,"data":{"reason":"wrong format","param":"channels"}},"testnet":false}"#,
        ),
        Answer(
            Ask::Instruments,
            r#"{"result":[{"price_index":"btc_usd","kind":"future","instrument_name":"BTC-PERPETUAL","max_leverage":50,"maker_commission":0.0,"taker_commission":0.0005,"instrument_type":"reversed","expiration_timestamp":32503708800000,"creation_timestamp":1534167754000,"is_active":true,"tick_size":0.5,"contract_size":10.0,"instrument_id":124972,"min_trade_amount":10.0,"settlement_currency":"BTC","settlement_period":"perpetual","base_currency":"BTC","quote_currency":"USD","tick_size_steps":[{"above_price":0.005,"tick_size":0.0005}]}],"usIn":1,"usOut":1700000000000001}"#,
        ),
        Answer(
            Ask::Time,
            r#"{"jsonrpc":"2.0","error":{"message":"too_many_requests","code":10028}}"#,
        ),
    ],
};
