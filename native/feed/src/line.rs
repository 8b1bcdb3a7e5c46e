//! A set of topics that is always carried by a connection: opened again when it ends, replaced
//! before the venue cuts it.

use std::time::Duration;

use rustonite_core::datasets::FeedEvent;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use crate::connection::{Connection, Ended, Order, Shared, Told};
use crate::events::Fact;
use crate::limits::Backoff;
use crate::plan::{LinePlan, Planned};

/// How long before the venue's cut a new connection takes over.
const OVERLAP: Duration = Duration::from_mins(5);
/// How long a new connection may take until data flows.
const HAND_OVER: Duration = Duration::from_mins(1);
/// How long a connection may take to close.
const CLOSE: Duration = Duration::from_secs(5);
const FAR: Duration = Duration::from_hours(365 * 24);

/// A running connection as its line sees it.
struct Running {
    orders: mpsc::UnboundedSender<Order>,
    told: mpsc::UnboundedReceiver<Told>,
    task: tokio::task::JoinHandle<Ended>,
    opened: Instant,
    /// When another one is to take over.
    due: Instant,
}

/// Carries the topics of a plan until it is told to close.
pub(crate) async fn run(
    shared: Shared,
    mut plan: LinePlan,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let mut backoff = Backoff::default();
    loop {
        let Some(running) = open(&shared, &mut plan, &mut backoff, &mut orders).await else {
            return;
        };
        let opened = running.opened;
        match carry(&shared, &mut plan, &mut orders, running).await {
            None => return,
            Some(ended) => {
                shared.recording.borrow().note_line(&plan.socket.name, Some(ended.why), true);
                let rest = backoff.after(ended.worked, opened.elapsed());
                if !pause(rest, &mut plan, &mut orders).await {
                    return;
                }
            }
        }
    }
}

/// Opens a connection, however often it has to try; `None` if told to close.
async fn open(
    shared: &Shared,
    plan: &mut LinePlan,
    backoff: &mut Backoff,
    orders: &mut mpsc::UnboundedReceiver<Order>,
) -> Option<Running> {
    loop {
        let snapshot = plan.clone();
        let attempt = start(shared, &snapshot);
        tokio::pin!(attempt);
        let mut late = Vec::new();
        let done = loop {
            tokio::select! {
                done = &mut attempt => break done,
                order = orders.recv() => match order {
                    Some(Order::Close) | None => return None,
                    Some(order) => {
                        note(plan, &order);
                        late.push(order);
                    }
                },
            }
        };
        match done {
            Ok(running) => {
                for order in late {
                    let _ = running.orders.send(order);
                }
                return Some(running);
            }
            Err(error) => {
                let about = &plan.socket.name;
                shared.recording.borrow().note_line(about, Some(error.to_string()), false);
                if !pause(backoff.next(), plan, orders).await {
                    return None;
                }
            }
        }
    }
}

async fn start(shared: &Shared, plan: &LinePlan) -> std::io::Result<Running> {
    let connection = Connection::open(shared.clone(), plan.clone()).await?;
    let (orders, inbox) = mpsc::unbounded_channel();
    let (tell, told) = mpsc::unbounded_channel();
    let task = tokio::task::spawn_local(connection.run(inbox, tell));
    let life = Duration::from_secs(plan.socket.lifetime_s);
    let life = if life.is_zero() { FAR } else { life.saturating_sub(OVERLAP.min(life / 2)) };
    let opened = Instant::now();
    Ok(Running { orders, told, task, opened, due: opened + life })
}

/// Waits, and keeps the plan up to date; false if told to close.
async fn pause(
    time: Duration,
    plan: &mut LinePlan,
    orders: &mut mpsc::UnboundedReceiver<Order>,
) -> bool {
    let until = Instant::now() + time;
    loop {
        tokio::select! {
            () = sleep_until(until) => return true,
            order = orders.recv() => match order {
                Some(Order::Close) | None => return false,
                Some(order) => note(plan, &order),
            }
        }
    }
}

/// What an order changes about the topics of a line.
fn note(plan: &mut LinePlan, order: &Order) {
    let same = |one: &Planned, two: &Planned| one.topic == two.topic;
    match order {
        Order::Subscribe(topics) => {
            for topic in topics {
                if !plan.topics.iter().any(|known| same(known, topic)) {
                    plan.topics.push(topic.clone());
                }
            }
        }
        Order::Unsubscribe(topics) => {
            plan.topics.retain(|known| !topics.iter().any(|topic| same(known, topic)));
        }
        Order::Close => {}
    }
}

/// Lets connections carry the topics until one ends unplanned; `None` if told to close.
async fn carry(
    shared: &Shared,
    plan: &mut LinePlan,
    orders: &mut mpsc::UnboundedReceiver<Order>,
    mut running: Running,
) -> Option<Ended> {
    let mut backoff = Backoff::default();
    loop {
        tokio::select! {
            ended = &mut running.task => return Some(ended.unwrap_or_else(|error| Ended {
                why: error.to_string(),
                worked: false,
            })),
            order = orders.recv() => {
                let order = order.unwrap_or(Order::Close);
                note(plan, &order);
                let closing = matches!(order, Order::Close);
                let _ = running.orders.send(order);
                if closing {
                    let _ = timeout(CLOSE, running.task).await;
                    return None;
                }
            }
            Some(told) = running.told.recv() => {
                if told == Told::Leaving {
                    running.due = Instant::now();
                }
            }
            () = sleep_until(running.due) => {
                running = replace(shared, plan, orders, &mut backoff, running).await?;
            }
        }
    }
}

/// Opens a second connection, and closes the first once data flows on it; `None` if told to close.
async fn replace(
    shared: &Shared,
    plan: &mut LinePlan,
    orders: &mut mpsc::UnboundedReceiver<Order>,
    backoff: &mut Backoff,
    old: Running,
) -> Option<Running> {
    let snapshot = plan.clone();
    let attempt = async {
        let mut new = start(shared, &snapshot).await.ok()?;
        match timeout(HAND_OVER, new.told.recv()).await {
            Ok(Some(_)) => Some((new, "planned, data flows")),
            Err(_) => Some((new, "planned, no data so far")),
            // It ended already.
            Ok(None) => None,
        }
    };
    tokio::pin!(attempt);
    let mut late = Vec::new();
    let done = loop {
        tokio::select! {
            done = &mut attempt => break done,
            order = orders.recv() => {
                let order = order.unwrap_or(Order::Close);
                note(plan, &order);
                let _ = old.orders.send(order.clone());
                if matches!(order, Order::Close) {
                    // The new one closes by itself, as nobody can give it orders any more.
                    let _ = timeout(CLOSE, old.task).await;
                    return None;
                }
                late.push(order);
            }
        }
    };
    let Some((new, detail)) = done else {
        // Later again; the venue's cut is some minutes away.
        return Some(Running { due: Instant::now() + backoff.next(), ..old });
    };
    backoff.reset();
    for order in late {
        let _ = new.orders.send(order);
    }
    let fact = Fact { detail: Some(detail), ..Fact::of(FeedEvent::Disconnect) };
    shared.recording.borrow_mut().fact(&fact);
    let _ = old.orders.send(Order::Close);
    let _ = timeout(CLOSE, old.task).await;
    Some(new)
}
