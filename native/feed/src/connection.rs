//! One WebSocket connection, from opening it to its end.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::mem;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::SinkExt as _;
use rustonite_core::datasets::{FeedEvent, FrameKind};
use rustonite_wire::{Codec, Keys, Topic};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use url::Url;
use yawc::frame::OpCode;
use yawc::{Frame, WebSocket};

use crate::clock::now_ns;
use crate::dial::{Dialler, Stream};
use crate::events::Fact;
use crate::keys;
use crate::limits::Budget;
use crate::plan::{LinePlan, Planned};
use crate::recording::{Asked, Recording, Socketed};
use crate::requests::Requests;

/// How often deadlines are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A connection that lived so long works, with or without data.
const SETTLED: Duration = Duration::from_secs(10);
/// How often the time doubles after which a topic is asked for that never had data.
const AGAIN_SHIFT_MAX: u32 = 6;
const SECOND: Duration = Duration::from_secs(1);

/// What a line tells its connection.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    Subscribe(Vec<Planned>),
    Unsubscribe(Vec<Planned>),
    Close,
}

/// What a connection tells its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Data flows.
    Ready,
    /// The venue is about to end it.
    Leaving,
}

/// How a connection ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) why: String,
    /// Whether data came over it.
    pub(crate) worked: bool,
}

/// What all connections of a venue share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) venue: &'static str,
    pub(crate) dialler: Dialler,
    pub(crate) recording: Rc<RefCell<Recording>>,
    pub(crate) connects: Budget,
    /// Who we are, where the venue wants to know.
    pub(crate) keys: Option<Keys>,
}

/// A topic whose data are overdue.
struct Silent {
    planned: Planned,
    /// How often it was asked for anew since it had data.
    again: u32,
    time: Duration,
    counts: bool,
}

/// A subscription and how far it has come.
#[derive(Debug)]
struct Subscription {
    planned: Planned,
    asked: Instant,
    /// Since when data is expected.
    acknowledged: Option<Instant>,
    /// How often it was asked for anew because of silence.
    again: u32,
    refused: bool,
}

pub(crate) struct Connection {
    shared: Shared,
    plan: LinePlan,
    codec: Box<dyn Codec>,
    socket: WebSocket<Box<dyn Stream>>,
    state: Socketed,
    subscriptions: HashMap<Topic, Subscription>,
    requests: Requests,
    send_budget: Budget,
    /// Requests that wait until the venue takes more.
    outbox: VecDeque<String>,
    /// Answers that go before them.
    replies: VecDeque<String>,
    /// When a request was sent last; pings and answers are none.
    last_asked: Instant,
    last_ping: Instant,
    got_data: bool,
    /// Whether it is known to work.
    settled: bool,
    opened: Instant,
    leaving: bool,
}

impl Connection {
    /// Opens a connection and asks for its topics.
    pub(crate) async fn open(shared: Shared, plan: LinePlan) -> io::Result<Self> {
        shared.connects.spend(1).await;
        let number = shared.recording.borrow_mut().next_connection();
        let codec = rustonite_wire::open(shared.venue)
            .ok_or_else(|| io::Error::other(format!("no codec for {}", shared.venue)))?;
        let url: Url = plan.socket.url.parse().map_err(io::Error::other)?;
        let started = now_ns();
        let (socket, stamp) = match shared.dialler.web_socket(url, plan.compression).await {
            Ok(opened) => opened,
            Err(error) => {
                let detail = error.to_string();
                shared.recording.borrow_mut().fact(&Fact {
                    connection: Some(number),
                    channel: Some(&plan.socket.name),
                    detail: Some(&detail),
                    ..Fact::of(FeedEvent::ConnectFailed)
                });
                return Err(error);
            }
        };
        shared.recording.borrow_mut().fact(&Fact {
            connection: Some(number),
            channel: Some(&plan.socket.name),
            value: Some(now_ns() - started),
            ..Fact::of(FeedEvent::Connect)
        });
        shared.recording.borrow().stats.connections.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        let send_budget = Budget::new(plan.socket.messages_per_second, SECOND);
        Ok(Self {
            shared,
            plan,
            codec,
            socket,
            state: Socketed::new(number, Some(stamp)),
            subscriptions: HashMap::new(),
            requests: Requests::default(),
            send_budget,
            outbox: VecDeque::new(),
            replies: VecDeque::new(),
            last_asked: now,
            last_ping: now,
            got_data: false,
            settled: false,
            opened: now,
            leaving: false,
        })
    }

    /// Reads until the end.
    pub(crate) async fn run(
        mut self,
        mut orders: mpsc::UnboundedReceiver<Order>,
        tell: mpsc::UnboundedSender<Told>,
    ) -> Ended {
        let why = match self.talk(&mut orders, &tell).await {
            Ok(why) => why,
            Err(error) => error.to_string(),
        };
        let topics: Vec<_> = self.subscriptions.into_values().map(|known| known.planned).collect();
        self.shared.recording.borrow_mut().connection_ended(&self.state, &topics, &why);
        Ended { why, worked: self.got_data }
    }

    async fn talk(
        &mut self,
        orders: &mut mpsc::UnboundedReceiver<Order>,
        tell: &mpsc::UnboundedSender<Told>,
    ) -> io::Result<String> {
        self.outbox.extend(self.codec.greeting());
        self.outbox.extend(self.shared.keys.as_ref().and_then(|keys| self.codec.login(keys)));
        let topics = self.plan.topics.clone();
        self.subscribe(topics);
        let mut look = Instant::now() + LOOK_EVERY;
        loop {
            // What waits to be sent must not hold up what arrives.
            let send_at = self.send_what_may_be().await?.unwrap_or(look);
            tokio::select! {
                biased;
                frame = self.socket.next_frame() => {
                    let frame = frame.map_err(io::Error::other)?;
                    if let Some(why) = self.frame(&frame) {
                        return Ok(why);
                    }
                    if mem::take(&mut self.leaving) {
                        let _ = tell.send(Told::Leaving);
                    }
                    if self.state.has_data && !self.got_data {
                        self.got_data = true;
                        self.works();
                        let _ = tell.send(Told::Ready);
                    }
                    // Frames that keep coming must not starve what else is due.
                    if self.state.last_frame < look {
                        continue;
                    }
                }
                order = orders.recv() => {
                    if self.obey(order.unwrap_or(Order::Close)) {
                        return self.close().await;
                    }
                }
                () = sleep_until(look.min(send_at)) => {}
            }
            if Instant::now() >= look {
                look = Instant::now() + LOOK_EVERY;
                while let Ok(order) = orders.try_recv() {
                    if self.obey(order) {
                        return self.close().await;
                    }
                }
                if let Some(why) = self.look().await? {
                    return Ok(why);
                }
            }
        }
    }

    /// It works: what was wrong with the line is over.
    fn works(&mut self) {
        self.settled = true;
        self.shared.recording.borrow().note_line(&self.plan.socket.name, None, false);
    }

    /// Does what the line wants. Whether that is to close.
    fn obey(&mut self, order: Order) -> bool {
        match order {
            Order::Subscribe(topics) => self.subscribe(topics),
            Order::Unsubscribe(topics) => self.unsubscribe(&topics),
            Order::Close => return true,
        }
        false
    }

    /// A frame. Returns why the connection has to end, if it has.
    fn frame(&mut self, frame: &Frame) -> Option<String> {
        let ts_recv = now_ns();
        self.state.last_frame = Instant::now();
        let payload = frame.payload();
        let kind = match frame.opcode() {
            OpCode::Text => FrameKind::Text,
            OpCode::Binary => FrameKind::Binary,
            OpCode::Ping => FrameKind::Ping,
            OpCode::Pong => FrameKind::Pong,
            OpCode::Close => FrameKind::Close,
            OpCode::Continuation => return None,
        };
        let code = frame.close_code().map(|code| i32::from(u16::from(code)));
        self.shared.recording.borrow_mut().raw(&mut self.state, kind, code, None, ts_recv, payload);
        match kind {
            FrameKind::Text | FrameKind::Binary => {
                let mut recording = self.shared.recording.borrow_mut();
                recording.message(&mut self.state, &mut *self.codec, ts_recv, payload);
            }
            FrameKind::Close => {
                let reason = frame.close_reason().ok().flatten().unwrap_or_default();
                return Some(format!("closed by the venue: {} {reason}", code.unwrap_or(1005)));
            }
            _ => return None,
        }
        self.answer_asked()
    }

    /// Does what the message asks for.
    fn answer_asked(&mut self) -> Option<String> {
        let mut answered = None;
        while let Some(asked) = self.state.asked.pop_front() {
            match asked {
                Asked::Reply(text) => self.replies.push_back(text),
                Asked::Acknowledged { request, topic } => {
                    self.acknowledged(request, &topic);
                    answered = request;
                }
                Asked::Refused { request, topic, text } => {
                    self.refused(request, &topic, &text);
                }
                Asked::Again { channel, symbol } => self.again_for(&channel, &symbol),
                Asked::Reconnect(why) => return Some(why),
                Asked::Leave => self.leaving = true,
            }
        }
        if let Some(request) = answered.filter(|_| self.codec.lists_granted()) {
            self.refused_by_silence(request);
        }
        None
    }

    /// What a request asked for and its answer does not list is refused.
    fn refused_by_silence(&mut self, request: i64) {
        for topic in self.requests.end(request) {
            let Some(subscription) = self.subscriptions.get_mut(&topic) else { continue };
            if subscription.acknowledged.is_none() {
                subscription.refused = true;
                let text = "left out of the answer";
                self.shared.recording.borrow_mut().refused(&self.state, Some(&topic), text);
            }
        }
    }

    /// Sends requests as fast as the venue takes them. Returns when the next one may be sent.
    async fn send_what_may_be(&mut self) -> io::Result<Option<Instant>> {
        while !self.replies.is_empty() || !self.outbox.is_empty() {
            if let Some(later) = self.send_budget.try_spend(1) {
                return Ok(Some(later));
            }
            if let Some(text) = self.replies.pop_front() {
                self.send(text).await?;
            } else if let Some(text) = self.outbox.pop_front() {
                self.last_asked = Instant::now();
                self.send(text).await?;
            }
        }
        Ok(None)
    }

    async fn send(&mut self, text: String) -> io::Result<()> {
        // What is secret in a login is not kept.
        let keys = self.shared.keys.as_ref();
        let shown = keys.map_or_else(|| text.clone(), |keys| keys::blanked(&text, keys));
        self.shared.recording.borrow_mut().raw(
            &mut self.state,
            FrameKind::SentText,
            None,
            None,
            now_ns(),
            shown.as_bytes(),
        );
        self.socket.send(Frame::text(text)).await.map_err(io::Error::other)
    }

    fn subscribe(&mut self, topics: Vec<Planned>) {
        let now = Instant::now();
        let before = self.subscriptions.len();
        for planned in &topics {
            let subscription = Subscription {
                planned: planned.clone(),
                asked: now,
                acknowledged: None,
                again: 0,
                refused: false,
            };
            self.subscriptions.insert(planned.topic.clone(), subscription);
        }
        let new = self.subscriptions.len() - before;
        self.shared.recording.borrow_mut().subscribing(&mut self.state, &topics, new);
        let wanted: Vec<Topic> = topics.into_iter().map(|planned| planned.topic).collect();
        self.ask(&wanted);
    }

    /// Sends requests for topics, in messages as long as the venue takes.
    fn ask(&mut self, topics: &[Topic]) {
        for part in topics.chunks(self.plan.socket.topics_per_message.max(1)) {
            let texts = self.codec.subscribe(part, self.requests.next());
            self.requests.asked(part, texts.len());
            self.outbox.extend(texts);
        }
    }

    fn unsubscribe(&mut self, topics: &[Planned]) {
        self.shared.recording.borrow_mut().unsubscribing(&self.state, topics);
        let topics: Vec<Topic> = topics.iter().map(|planned| planned.topic.clone()).collect();
        for topic in &topics {
            self.subscriptions.remove(topic);
        }
        self.requests.forget(&topics);
        self.give_up(&topics);
    }

    fn give_up(&mut self, topics: &[Topic]) {
        for part in topics.chunks(self.plan.socket.topics_per_message.max(1)) {
            let texts = self.codec.unsubscribe(part, self.requests.next());
            self.requests.passed(texts.len());
            self.outbox.extend(texts);
        }
    }

    /// Ends a subscription and asks for it again.
    fn again(&mut self, planned: Planned, again: u32) {
        let topic = planned.topic.clone();
        self.give_up(std::slice::from_ref(&topic));
        self.subscribe(vec![planned]);
        if let Some(subscription) = self.subscriptions.get_mut(&topic) {
            subscription.again = again;
        }
    }

    fn again_for(&mut self, channel: &str, symbol: &str) {
        let matches = |Subscription { planned, .. }: &&Subscription| {
            planned.topic.channel == channel && planned.instrument.as_deref() == Some(symbol)
        };
        let Some(known) = self.subscriptions.values().find(matches) else { return };
        self.again(known.planned.clone(), known.again);
    }

    fn topics_of(&self, request: Option<i64>, topic: &Topic) -> Vec<Topic> {
        let named = |known: &&Topic| {
            (topic.channel.is_empty() || known.channel == topic.channel)
                && (topic.symbol.is_none() || known.symbol == topic.symbol)
        };
        let of_request = request.and_then(|request| self.requests.topics(request));
        match of_request {
            Some(topics) => topics.iter().filter(named).cloned().collect(),
            None if topic.channel.is_empty() && topic.symbol.is_none() => Vec::new(),
            None => self.subscriptions.keys().filter(named).cloned().collect(),
        }
    }

    fn acknowledged(&mut self, request: Option<i64>, topic: &Topic) {
        let now = Instant::now();
        let topics = self.topics_of(request, topic);
        for topic in &topics {
            if let Some(subscription) = self.subscriptions.get_mut(topic) {
                subscription.acknowledged = Some(now);
            }
        }
        self.shared.recording.borrow_mut().acknowledged(&self.state, &topics);
    }

    /// Something was refused. If the venue does not say which topics of a request it does not like,
    /// they are asked for in halves; but not if it does not name the request either, as nobody would
    /// know which half is refused next. Those that it spoiled are asked for again.
    fn refused(&mut self, request: Option<i64>, topic: &Topic, text: &str) {
        let mut topics = self.topics_of(request, topic);
        let may_halve = request.is_some_and(|request| self.requests.topics(request).is_some());
        let asked = match request {
            Some(request) => self.requests.end(request),
            None => self.unanswered(),
        };
        if may_halve && topic.symbol.is_none() && topics.len() > 1 {
            let two = topics.split_off(topics.len() / 2);
            self.ask(&topics);
            return self.ask(&two);
        }
        let mut recording = self.shared.recording.borrow_mut();
        if topics.is_empty() {
            recording.refused(&self.state, None, text);
        }
        for topic in &topics {
            let Some(subscription) = self.subscriptions.get_mut(topic) else { continue };
            if subscription.acknowledged.is_none() && !mem::replace(&mut subscription.refused, true)
            {
                recording.refused(&self.state, Some(topic), text);
            }
        }
        drop(recording);
        if self.codec.refuses_whole() && !topics.is_empty() {
            let spoiled: Vec<_> = asked.into_iter().filter(|one| !topics.contains(one)).collect();
            self.ask(&spoiled);
        }
    }

    fn unanswered(&self) -> Vec<Topic> {
        let waits = |one: &&Subscription| one.acknowledged.is_none() && !one.refused;
        self.subscriptions.values().filter(waits).map(|one| one.planned.topic.clone()).collect()
    }

    /// Deadlines. Returns why the connection has to end, if it has.
    async fn look(&mut self) -> io::Result<Option<String>> {
        let idle = Duration::from_secs(self.plan.socket.idle_s);
        if !idle.is_zero() && self.state.last_frame.elapsed() > idle {
            return Ok(Some(format!("nothing received for {} s", idle.as_secs())));
        }
        // Channels without data for hours are no problem.
        if !self.settled && self.opened.elapsed() > SETTLED {
            self.works();
        }
        let ping = Duration::from_secs(self.plan.socket.ping_s);
        if !ping.is_zero() && self.last_ping.elapsed() >= ping {
            self.last_ping = Instant::now();
            let id = self.requests.next();
            self.requests.passed(1);
            if let Some(text) = self.codec.ping(id) {
                self.send(text).await?;
            } else {
                let ping = Frame::ping(Vec::new());
                self.socket.send(ping).await.map_err(io::Error::other)?;
            }
        }
        Ok(self.look_for_silence())
    }

    fn look_for_silence(&mut self) -> Option<String> {
        let silent: Vec<_> =
            self.subscriptions.values().filter_map(|one| self.silent(one)).collect();
        if silent.is_empty() {
            return None;
        }
        for Silent { planned, time, .. } in &silent {
            self.shared.recording.borrow_mut().silent(&self.state, &planned.topic, *time);
        }
        // A second try at what once had data, or silence everywhere, says that the line is at fault.
        // What never had any may be something that does not exist, and others must not suffer for it.
        let counted = self.subscriptions.values().filter(|one| self.counts(one)).count();
        let hopeful = silent.iter().filter(|one| one.counts).count();
        if hopeful == counted || silent.iter().any(|one| one.again > 0 && one.counts) {
            return Some(format!("{hopeful} of {counted} topics are silent"));
        }
        for one in silent {
            self.again(one.planned, one.again + 1);
        }
        None
    }

    /// Whether the silence of a topic says something about the line.
    fn counts(&self, subscription: &Subscription) -> bool {
        let recording = self.shared.recording.borrow();
        let planned = &subscription.planned;
        let may_come = !subscription.refused && !recording.is_unknown(planned);
        may_come && (subscription.again == 0 || recording.had_data(planned))
    }

    /// A topic whose data are overdue.
    fn silent(&self, subscription: &Subscription) -> Option<Silent> {
        if subscription.refused || self.shared.recording.borrow().is_unknown(&subscription.planned)
        {
            return None;
        }
        let last = self.shared.recording.borrow().last_data(&self.state, &subscription.planned);
        // What was asked for in the meantime had to wait for its turn.
        let asked = || subscription.asked.max(self.last_asked);
        let since = subscription.acknowledged.unwrap_or_else(asked);
        let channel = &subscription.planned.channel;
        let counts = self.counts(subscription);
        let again = subscription.again;
        let (since, seconds, again) = match last {
            Some(last) if last >= since => (last, channel.silence_s, 0),
            // What never came is asked for ever more seldom.
            _ if counts => (since, channel.first_data_s, again),
            _ => (since, channel.first_data_s << again.min(AGAIN_SHIFT_MAX), again),
        };
        let (time, limit) = (since.elapsed(), Duration::from_secs(seconds));
        let planned = subscription.planned.clone();
        let silent = Silent { planned, again, time, counts };
        (!limit.is_zero() && time > limit).then_some(silent)
    }

    async fn close(&mut self) -> io::Result<String> {
        let close = Frame::close(yawc::close::CloseCode::Normal, b"");
        let _ = tokio::time::timeout(SECOND, self.socket.send(close)).await;
        Ok("closed by us".to_owned())
    }
}
