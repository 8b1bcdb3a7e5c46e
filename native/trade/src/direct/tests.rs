use std::time::Duration;

use tokio::io::{DuplexStream, duplex};
use yawc::{Options, Role};

use super::*;

/// A connection that takes so many bytes until the other side reads.
fn pair(bytes: usize) -> (Shared, WebSocket<DuplexStream>) {
    let (ours, theirs) = duplex(bytes);
    let ours: Box<dyn Stream> = Box::new(ours);
    let shared = Shared::default();
    *shared.lock() = Some(WebSocket::from_stream(ours, Role::Client, Options::default()).unwrap());
    (shared, WebSocket::from_stream(theirs, Role::Server, Options::default()).unwrap())
}

async fn heard(socket: &mut WebSocket<DuplexStream>) -> String {
    String::from_utf8(socket.next_frame().await.unwrap().payload().to_vec()).unwrap()
}

#[tokio::test]
async fn a_text_leaves_at_once_where_nothing_waits() {
    let (shared, mut peer) = pair(1024);
    assert!(matches!(shared.send_now("first".to_owned()), Sent::Whole(_)));
    let turn = shared.turn();
    assert!(matches!(shared.send_now("second".to_owned()), Sent::Not(text) if text == "second"));
    drop(turn);
    assert!(matches!(shared.send_now("third".to_owned()), Sent::Whole(_)));
    assert_eq!([heard(&mut peer).await, heard(&mut peer).await], ["first", "third"]);
}

#[tokio::test]
async fn while_somebody_is_at_the_connection_or_none_is_open_nothing_is_sent() {
    let (shared, _peer) = pair(1024);
    let held = shared.lock();
    assert!(matches!(shared.send_now("text".to_owned()), Sent::Not(_)));
    drop(held);
    drop(Lent(&shared));
    assert!(matches!(shared.send_now("text".to_owned()), Sent::Not(_)));
}

#[tokio::test]
async fn what_the_system_does_not_take_is_left_to_the_other_thread() {
    let (shared, mut peer) = pair(64);
    let long = "x".repeat(1000);
    let Sent::Begun(_, turn) = shared.send_now(long.clone()) else { panic!("it has no room") };
    assert!(matches!(shared.send_now("next".to_owned()), Sent::Not(_)));
    let rest = async {
        shared.flush().await.unwrap();
        drop(turn);
    };
    let (text, ()) = tokio::join!(heard(&mut peer), rest);
    assert_eq!(text, long);
    assert!(matches!(shared.send_now("next".to_owned()), Sent::Whole(_)));
    assert_eq!(heard(&mut peer).await, "next");
}

#[tokio::test]
async fn a_connection_that_broke_says_so() {
    let (shared, peer) = pair(1024);
    drop(peer);
    assert!(matches!(shared.send_now("text".to_owned()), Sent::Broken(..)));
    assert!(matches!(shared.send_now("next".to_owned()), Sent::Broken(..)));
}

/// One thread sends whenever it can at once and leaves the rest to the other, which reads as well.
#[test]
fn from_two_threads_texts_leave_whole_once_and_in_their_order() {
    const COUNT: usize = 5_000;
    let (shared, mut peer) = pair(200);
    let (leave, mut left) = tokio::sync::mpsc::unbounded_channel();
    let theirs = shared.clone();
    let other = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let serve = async {
                loop {
                    tokio::select! {
                        biased;
                        what = left.recv() => match what {
                            Some((Some(text), _turn)) => {
                                let frame: String = text;
                                theirs.send(Frame::text(frame)).await.map(drop).unwrap();
                            }
                            Some((None, _turn)) => theirs.flush().await.unwrap(),
                            None => return,
                        },
                        _ = theirs.next_frame() => {}
                    }
                }
            };
            let read = async {
                for number in 0..COUNT {
                    assert_eq!(heard(&mut peer).await, text_of(number));
                    if number % 7 == 0 {
                        peer.send(Frame::text("word")).await.unwrap();
                    }
                    if number % 100 == 0 {
                        tokio::time::sleep(Duration::from_micros(500)).await;
                    }
                }
            };
            tokio::join!(serve, read);
        });
    });
    let mut at_once = 0;
    for number in 0..COUNT {
        let text = text_of(number);
        // Now and then as if the other thread were at it.
        let sent = if number % 11 == 0 { Sent::Not(text) } else { shared.send_now(text) };
        match sent {
            Sent::Whole(_) => at_once += 1,
            Sent::Begun(_, turn) => drop(leave.send((None, turn))),
            Sent::Not(text) => drop(leave.send((Some(text), shared.turn()))),
            Sent::Broken(error, _) => panic!("{error}"),
        }
        if number % 3 == 0 {
            std::thread::sleep(Duration::from_micros(20));
        }
    }
    drop(leave);
    other.join().unwrap();
    assert!(at_once > 0 && at_once < COUNT, "{at_once} of {COUNT} at once");
}

fn text_of(number: usize) -> String {
    format!("{number}:{}", "y".repeat(number % 90))
}
