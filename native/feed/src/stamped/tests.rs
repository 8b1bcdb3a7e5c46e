use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::Stamped;
use crate::clock::{SECOND_NS, now_ns};

#[test]
fn packets_are_stamped_before_they_are_read() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut stream = Stamped::new(TcpStream::connect(address).await.unwrap());
        let (mut venue, _) = listener.accept().await.unwrap();
        let stamp = stream.stamp();
        assert_eq!(stamp.get(), None);
        let (mut last, mut stamped) = (now_ns() - SECOND_NS, 0);
        for part in 0..100_u8 {
            venue.write_all(&vec![part; 70_000]).await.unwrap();
            let mut bytes = vec![200; 70_000];
            stream.read_exact(&mut bytes).await.unwrap();
            assert!(bytes.iter().all(|byte| *byte == part));
            // The kernel takes its time to begin.
            let Some(time) = stamp.get() else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            assert!(last <= time && time <= now_ns(), "{last} {time}");
            (last, stamped) = (time, stamped + 1);
        }
        assert!(stamped > 10, "{stamped}");
        stream.write_all(b"back").await.unwrap();
        let mut answer = [0; 4];
        venue.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"back");
        drop(venue);
        assert_eq!(stream.read(&mut answer).await.unwrap(), 0);
    });
}
