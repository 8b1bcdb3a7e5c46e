//! Random lives of orders, as a list of what is asked for and what is reported.

use rustonite_core::Amount;
use rustonite_core::datasets::{
    EventSource, FillKind, OffsetUnit, OrderEvent, OrderKind, OrderSide, OrderState, PositionSide,
    TriggerDirection, TriggerSource, order_flags,
};
use rustonite_exec::{
    Correction, Fill, Journal, Ledger, Link, Nowhere, Order, OrderId, OrderPicture, RefusalKind,
    Report, Trail, Trigger, Values, What, Wish,
};

use crate::common::*;

/// One step.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Submit(Wish, Link),
    Hold(Wish, Link),
    Release(OrderId),
    Amend(OrderId, Values),
    Trigger(OrderId, Amount),
    Replace(OrderId, Values),
    Cancel(OrderId),
    Report(Report),
}

impl Step {
    /// Takes the step. That it may be refused is part of the script.
    pub(crate) fn take<J: Journal>(&self, ledger: &mut Ledger<J>) {
        match self.clone() {
            Self::Submit(wish, link) => drop(ledger.submit(NOW, wish, link)),
            Self::Hold(wish, link) => drop(ledger.hold(NOW, wish, link)),
            Self::Release(id) => drop(ledger.release(NOW, id)),
            Self::Amend(id, values) => drop(ledger.amend(NOW, id, values)),
            Self::Trigger(id, size) => drop(ledger.trigger(NOW, id, size)),
            Self::Replace(id, values) => drop(ledger.replace(NOW, id, values)),
            Self::Cancel(id) => drop(ledger.cancel(NOW, id)),
            Self::Report(report) => drop(ledger.report(&report)),
        }
    }
}

/// Numbers without a pattern that matters.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.roll(of.len() as u64)).unwrap()]
    }
}

/// Writes scripts: keeps a ledger of its own to know what can come next.
pub(crate) struct Author {
    dice: Dice,
    pub(crate) ledger: Ledger<Nowhere>,
    ts: i64,
    fills: i64,
}

impl Author {
    pub(crate) fn new(seed: u64) -> Self {
        let dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        Self { dice, ledger: crate::common::ledger(), ts: NOW, fills: 0 }
    }

    /// The next step, already taken by the author's own ledger.
    pub(crate) fn step(&mut self) -> Step {
        self.ts += 1;
        let open: Vec<OrderId> = self.ledger.open_orders().iter().map(|order| order.id).collect();
        let step = match self.dice.roll(10) {
            _ if open.is_empty() => self.submit(),
            0 => self.submit(),
            1 => self.act(&open),
            2 => self.outside(),
            _ => self.report(&open),
        };
        step.take(&mut self.ledger);
        step
    }

    fn submit(&mut self) -> Step {
        let (instrument, position_side) = self.dice.pick(&[
            (SPOT, None),
            (LINEAR, None),
            (LINEAR, Some(PositionSide::Long)),
            (INVERSE, None),
        ]);
        let side = self.dice.pick(&[OrderSide::Buy, OrderSide::Sell]);
        let price = Some(amount(self.dice.pick(&["100", "100.01", "99.7"])));
        let strategy = self.dice.pick(&[Some(STRATEGY), None]);
        let wish = Wish { instrument, position_side, side, price, strategy, ..wish() };
        let tags = (self.dice.roll(2) == 0).then(|| "a,b".into());
        let group = (self.dice.roll(3) == 0).then_some(7);
        let link = Link { group, parent: self.parent(&wish), ..Link::default() };
        let wish = Wish { tags, ..wish };
        match self.dice.roll(12) {
            0 => Step::Hold(wish, Link { algo: Some("oco".into()), ..link }),
            1 => Step::Hold(self.waiting(wish), link),
            _ => Step::Submit(wish, link),
        }
    }

    /// A parent that is never sent, of which this may be a part.
    fn parent(&mut self, wish: &Wish) -> Option<OrderId> {
        let open = self.ledger.open_orders();
        let fits = |order: &&Order| order.is_split() && order.wish.side == wish.side;
        let parent = open.into_iter().find(fits).map(|order| order.id);
        parent.filter(|_| self.dice.roll(2) == 0)
    }

    /// One whose trigger we watch, or that just waits.
    fn waiting(&mut self, wish: Wish) -> Wish {
        let trail = Trail { offset: amount("1.5"), unit: OffsetUnit::Price, activation: None };
        let trigger = Trigger {
            price: Amount::ZERO,
            source: TriggerSource::BidAsk,
            direction: TriggerDirection::Down,
            trail: Some(trail),
        };
        if self.dice.roll(2) == 0 {
            return wish;
        }
        let (kind, flags) = (OrderKind::TrailingStopMarket, order_flags::EMULATED);
        Wish { kind, flags, trigger: Some(trigger), price: None, ..wish }
    }

    fn act(&mut self, open: &[OrderId]) -> Step {
        let id = self.dice.pick(open);
        match (self.ledger.order(id).unwrap().state, self.dice.roll(3)) {
            (OrderState::Held, 0) => {
                let trigger = Some(amount(self.dice.pick(&["90", "91.5"])));
                Step::Amend(id, Values { price_trigger: trigger, ..values("99", "8") })
            }
            (OrderState::Held, 1) => Step::Trigger(id, amount(self.dice.pick(&["3", "6"]))),
            (OrderState::Held, _) if self.ledger.order(id).unwrap().is_split() => Step::Cancel(id),
            (OrderState::Held, _) => Step::Release(id),
            (_, 0) => Step::Cancel(id),
            _ => {
                let price = self.dice.pick(&["101", "98.5", "100"]);
                let size = self.dice.pick(&["10", "12", "7"]);
                Step::Replace(id, values(price, size))
            }
        }
    }

    fn report_of(&self, id: OrderId, leg: usize, what: What) -> Step {
        let order = self.ledger.order(id).unwrap();
        let report = by_id(&order.legs[leg].client_id, what);
        Step::Report(Report {
            ts_event: self.ts,
            ts_recv: self.ts + 5,
            instrument: order.wish.instrument,
            venue_order_id: Some(format!("v{}-{leg}", id.0).into()),
            ..report
        })
    }

    fn report(&mut self, open: &[OrderId]) -> Step {
        let id = self.dice.pick(open);
        let order = self.ledger.order(id).unwrap();
        let (leg, newest) = (order.leg, order.changes.last().cloned());
        let (wish, size_filled) = (order.wish.clone(), order.size_filled);
        let refused = refusal(RefusalKind::Other);
        let (leg, what) = match (self.dice.roll(12), newest) {
            (0 | 1, _) => (leg, What::Accepted),
            (2 | 3, Some(change)) => {
                (change.leg, What::Replaced { price: change.price, size: change.size })
            }
            (4, Some(change)) => (change.leg, What::ReplaceRejected(refused)),
            (5, _) => (leg, What::CancelRejected(refused)),
            (6, _) => {
                let asked =
                    [OrderEvent::Submitted, OrderEvent::CancelAsked, OrderEvent::ReplaceAsked];
                (leg, lost(self.dice.pick(&asked)))
            }
            (7, _) => {
                let state = self.dice.pick(&[OrderState::Accepted, OrderState::Cancelled]);
                let shown = OrderPicture {
                    price: wish.price,
                    size: wish.size,
                    side: wish.side,
                    ..picture(state, "0")
                };
                (leg, What::Picture(OrderPicture { size_filled, ..shown }))
            }
            (8, _) if self.dice.roll(3) == 0 => (leg, cancelled(None)),
            (9, _) if self.dice.roll(4) == 0 => (leg, What::Rejected(refused)),
            (9, _) => (leg, What::Suspended(self.dice.roll(2) == 0)),
            (10, _) if self.fills > 0 => (leg, self.correction()),
            _ => (leg, self.fill(wish.side)),
        };
        self.report_of(id, leg, what)
    }

    fn fill(&mut self, side: OrderSide) -> What {
        self.fills += 1;
        let directory = self.ledger.directory();
        let asset = |name: &str| directory.asset(name).unwrap();
        let fees = [
            None,
            Some((amount("0.01"), asset("BNB"))),
            Some((amount("-0.003"), asset("USDT"))),
            Some((amount("0.0007"), asset("BTC"))),
        ];
        let price = self.dice.pick(&["100", "99.99", "33.333333", "250"]);
        let size = self.dice.pick(&["1", "2.5", "0.001", "4"]);
        let fee = self.dice.pick(&fees);
        What::Fill(Fill { side, fee, ..fill(&self.fills.to_string(), size, price) })
    }

    fn correction(&mut self) -> What {
        let prev = 1 + self.dice.roll(u64::try_from(self.fills).unwrap());
        let becomes = (self.dice.roll(2) == 0).then(|| (amount("90"), amount("0.5")));
        let fill_id = format!("c{}", self.ts).into();
        What::Corrected(Correction { fill_id, fill_id_prev: prev.to_string().into(), becomes })
    }

    /// What comes without an order of ours.
    fn outside(&mut self) -> Step {
        self.fills += 1;
        let id = self.fills.to_string();
        let report = match self.dice.roll(3) {
            0 => {
                let usdt = self.ledger.directory().asset("USDT").unwrap();
                let fee = Some((amount("0.25"), usdt));
                let kind = FillKind::Funding;
                let funding = Fill { kind, fee, size: Amount::ZERO, ..fill(&id, "0", "100") };
                Report { instrument: LINEAR, ..by_id("", What::Fill(funding)) }
            }
            1 => Report {
                venue_order_id: Some("w1".into()),
                source: EventSource::Rest,
                ..by_id("web_1", filled_by(&id, "1"))
            },
            _ => Report {
                instrument: LINEAR,
                ..by_id("", What::Fill(Fill { kind: FillKind::Opening, ..fill(&id, "3", "80") }))
            },
        };
        Step::Report(Report { ts_event: self.ts, ts_recv: self.ts + 5, ..report })
    }
}
