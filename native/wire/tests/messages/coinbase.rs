use super::Message::{Answer, Hot, Stream};
use super::{Ask, Venue};

pub const EXCHANGE: Venue = Venue {
    name: "coinbase",
    keeps_state: true,
    before: &[r#"{"type":"subscriptions","channels":[{"name":"full","product_ids":["ETH-USD"]}]}"#],
    messages: &[
        Hot(
            r#"{"type":"match","trade_id":10,"sequence":50,"maker_order_id":"ac92","taker_order_id":"132f","time":"2024-11-07T08:19:27.028459Z","product_id":"BTC-USD","size":"5.23512","price":"400.2{n}","side":"sell"}"#,
        ),
        Hot(
            r#"{"type":"l2update","product_id":"BTC-USD","changes":[["buy","22356.270000","0.00000000"],["sell","22356.30","1.5"]],"time":"2022-08-04T15:25:05.010758Z"}"#,
        ),
        Hot(
            r#"{"type":"ticker","sequence":37475248783,"product_id":"ETH-USD","price":"1285.22","open_24h":"1310.79","volume_24h":"245532.79269678","low_24h":"1280.52","high_24h":"1313.8","volume_30d":"9788783.6","best_bid":"1285.04","best_bid_size":"0.46688654","best_ask":"1285.27","best_ask_size":"1.56637040","side":"buy","time":"2022-10-19T23:28:22.061769Z","trade_id":370843401,"last_size":"11.4396987"}"#,
        ),
        Hot(
            r#"{"type":"open","time":"2024-11-07T08:19:27.028459Z","product_id":"ETH-USD","sequence":49,"order_id":"d50e{n}","price":"200.2","remaining_size":"1.00","side":"sell"}"#,
        ),
        Hot(
            r#"{"type":"received","time":"2024-11-07T08:19:27.028459Z","product_id":"ETH-USD","sequence":10,"order_id":"d50e","funds":"3000.234","side":"buy","order_type":"market"}"#,
        ),
        Hot(
            r#"{"type":"match","trade_id":10,"sequence":51,"maker_order_id":"ac92","taker_order_id":"132f","time":"2024-11-07T08:19:27.028459Z","product_id":"ETH-USD","size":"5.23512","price":"400.230","side":"buy"}"#,
        ),
        Hot(
            r#"{"type":"done","time":"2024-11-07T08:19:27.028459Z","product_id":"ETH-USD","sequence":52,"price":"200.2","order_id":"d50e","reason":"canceled","side":"sell","remaining_size":"0.5"}"#,
        ),
        Hot(r#"["open","ETH-USD","7","a","buy","1.50","2","2024-11-07T08:19:27.028459Z"]"#),
        Stream(
            r#"{"type":"change","reason":"modify_order","time":"2022-06-06T22:55:43.433114Z","sequence":24753,"order_id":"c3f1","side":"buy","product_id":"ETH-USD","old_size":"80","new_size":"90","old_price":"7","new_price":"6"}"#,
        ),
        Stream(
            r#"{"type":"activate","product_id":"BTC-USD","timestamp":"1483736448.299000","order_id":"7b52","stop_type":"entry","side":"buy","stop_price":"80","size":"2","funds":"50"}"#,
        ),
        Stream(
            r#"{"type":"snapshot","product_id":"BTC-USD","asks":[["10102.55","0.5"]],"bids":[["10101.10","0.45054140"],["10101","1"]]}"#,
        ),
        Stream(
            r#"{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD","time":"2014-11-07T08:19:28.464459Z"}"#,
        ),
        Stream(
            r#"{"type":"subscriptions","channels":[{"name":"matches","product_ids":["A-B","C-D"],"account_ids":null},{"product_ids":[],"name":"status"}]}"#,
        ),
        Stream(
            r#"{"type":"error","message":"Failed to subscribe","reason":"FOO-BAR is not a valid product"}"#,
        ),
        Answer(
            Ask::Orders,
            r#"{"bids":[["2.50","3","da86"]],"asks":[["2.60","1","8ab1"]],"sequence":13051505638,"time":"2024-01-01T00:00:00Z"}"#,
        ),
        Answer(
            Ask::Instruments,
            r#"[{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","quote_increment":"0.01","base_increment":"0.00000001","display_name":"BTC-USD","min_market_funds":"1","margin_enabled":false,"post_only":false,"limit_only":true,"cancel_only":false,"status":"online","status_message":"","trading_disabled":false,"auction_mode":false}]"#,
        ),
    ],
};

pub const ADVANCED: Venue = Venue {
    name: "coinbase-advanced",
    keeps_state: true,
    before: &[],
    messages: &[
        Hot(
            r#"{"channel":"market_trades","client_id":"","timestamp":"2026-01-02T03:04:05Z","sequence_num":8,"events":[{"type":"update","trades":[{"trade_id":"{n}","product_id":"BTC-USD","price":"68900.50","size":"0.0015","side":"BUY","time":"2026-01-02T03:04:04Z"},{"trade_id":"a-1","product_id":"BTC-USD","price":"5","size":"1","side":"SELL","time":"2026-01-02T03:04:04Z"}]}]}"#,
        ),
        Hot(
            r#"{"channel":"l2_data","client_id":"","timestamp":"2026-01-02T03:04:05.500000001Z","sequence_num":{n}7,"events":[{"type":"update","product_id":"BTC-USD","updates":[{"side":"bid","event_time":"2026-01-02T03:04:05.25Z","price_level":"78856.05","new_quantity":"0.0487"},{"side":"offer","event_time":"2026-01-02T03:04:05.125Z","price_level":"78856.10","new_quantity":"0"}]}]}"#,
        ),
        Hot(
            r#"{"channel":"ticker","client_id":"","timestamp":"2026-01-02T03:04:05Z","sequence_num":9,"events":[{"type":"snapshot","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"21932.98","volume_24_h":"16038.28770938","low_24_h":"21835.29","high_24_h":"23011.18","best_bid":"21931.98","best_bid_quantity":"8000.21","best_ask":"21933.98","best_ask_quantity":"8038.07770938"}]}]}"#,
        ),
        Stream(
            r#"{"channel":"l2_data","client_id":"","timestamp":"2026-01-02T03:04:05Z","sequence_num":7,"events":[{"type":"snapshot","product_id":"BTC-USD","updates":[{"side":"bid","event_time":"1970-01-01T00:00:00Z","price_level":"78856.05","new_quantity":"0.0487"}]}]}"#,
        ),
        Stream(
            r#"{"channel":"candles","client_id":"","timestamp":"2026-01-02T03:04:05Z","sequence_num":10,"events":[{"type":"update","candles":[{"start":"1767322800","high":"4","low":"1","open":"2","close":"3","volume":"0.5","product_id":"ETH-USD"}]}]}"#,
        ),
        Stream(
            r#"{"channel":"status","client_id":"","timestamp":"2026-01-02T03:04:05Z","sequence_num":2,"events":[{"type":"snapshot","products":[{"product_type":"SPOT","id":"ETH-USDT","base_currency":"ETH","quote_currency":"USDT","base_increment":"0.00000001","quote_increment":"0.01","display_name":"ETH/USDT","status":"online","status_message":"","min_market_funds":"1"}]}]}"#,
        ),
        Stream(
            r#"{"channel":"heartbeats","client_id":"","timestamp":"2026-01-02T03:04:05Z","sequence_num":1,"events":[{"current_time":"2026-01-02 03:04:05.8 +0000 UTC m=+6.6","heartbeat_counter":"9"}]}"#,
        ),
        Stream(
            r#"{"channel":"subscriptions","client_id":"","timestamp":"2026-01-02T03:04:05Z","sequence_num":1,"events":[{"subscriptions":{"heartbeats":["heartbeats"],"level2":["A-B"]}}]}"#,
        ),
        Stream(r#"{"type":"error","message":"authentication failure"}"#),
        Answer(
            Ask::Instruments,
            r#"{"products":[{"product_id":"BTC-USDC","price":"68923.67","base_increment":"0.00000001","quote_increment":"0.01","quote_min_size":"1","base_min_size":"0.00000001","base_max_size":"3400","status":"online","trading_disabled":false,"product_type":"SPOT","quote_currency_id":"USDC","base_currency_id":"BTC","fcm_trading_session_details":null,"alias":"BTC-USD","price_increment":"0.01","display_name":"BTC-USDC","product_venue":"CBE"}],"num_products":1}"#,
        ),
        Answer(
            Ask::Tickers,
            r#"{"products":[{"product_id":"BIT-24APR26-CDE","price":"69165","volume_24h":"102187","status":"","product_type":"FUTURE","mid_market_price":"69172.5","future_product_details":{"contract_code":"BIT","contract_expiry":"2026-04-24T15:00:00Z","contract_size":"0.01","open_interest":"35445","funding_interval":"3600s","funding_rate":"0.000013","funding_time":"2026-04-07T00:00:00Z","settlement_price":"69735","index_price":"68899.882564"}}]}"#,
        ),
    ],
};
