use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use url::Url;

use super::Dialler;

/// A proxy that answers one client, by a script.
fn proxy(script: impl FnOnce(&mut TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        script(&mut client);
    });
    port
}

fn dial(proxy: &str, target: &str) -> std::io::Result<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let dialler = Dialler::new(Some(Url::parse(proxy).unwrap()), None).unwrap();
        let mut stream = dialler.dial(&Url::parse(target).unwrap()).await?.stream;
        stream.write_all(b"hello").await?;
        let mut answer = vec![0; 5];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    })
}

fn head(client: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

fn echo(client: &mut TcpStream) {
    let mut bytes = [0; 5];
    client.read_exact(&mut bytes).unwrap();
    client.write_all(&bytes).unwrap();
}

#[test]
fn through_a_proxy_of_http_with_a_password() {
    let port = proxy(|client| {
        let head = head(client);
        assert!(head.starts_with("CONNECT example.test:9443 HTTP/1.1\r\n"), "{head}");
        // user:secret
        assert!(head.contains("dXNlcjpzZWNyZXQ="), "{head}");
        client.write_all(b"HTTP/1.1 200 fine\r\n\r\n").unwrap();
        echo(client);
    });
    let answer = dial(&format!("http://user:secret@127.0.0.1:{port}"), "ws://example.test:9443/ws");
    assert_eq!(answer.unwrap(), b"hello");
}

#[test]
fn a_proxy_that_refuses_is_named_and_the_password_is_not() {
    let port = proxy(|client| {
        head(client);
        client.write_all(b"HTTP/1.1 407 no\r\n\r\n").unwrap();
    });
    let proxy = format!("http://user:secret@127.0.0.1:{port}");
    let error = dial(&proxy, "ws://example.test/").unwrap_err().to_string();
    assert!(error.starts_with("proxy:") && !error.contains("secret"), "{error}");
}

#[test]
fn through_a_proxy_of_socks() {
    let port = proxy(|client| {
        let mut bytes = [0; 3];
        client.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, [5, 1, 0]);
        client.write_all(&[5, 0]).unwrap();
        let mut request = [0; 5];
        client.read_exact(&mut request).unwrap();
        assert_eq!(request[..4], [5, 1, 0, 3], "a name, which the proxy looks up");
        let mut rest = vec![0; usize::from(request[4]) + 2];
        client.read_exact(&mut rest).unwrap();
        assert!(rest.starts_with(b"example.test"));
        client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
        echo(client);
    });
    let answer = dial(&format!("socks5h://127.0.0.1:{port}"), "ws://example.test/");
    assert_eq!(answer.unwrap(), b"hello");
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // Not even TLS: whatever answers must not be taken for the venue.
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let _ = client.write_all(b"HTTP/1.1 400 no\r\n\r\n");
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let dialled = runtime.block_on(async {
        let dialler = Dialler::new(None, None).unwrap();
        dialler.dial(&Url::parse(&format!("wss://127.0.0.1:{port}/")).unwrap()).await.map(drop)
    });
    assert!(dialled.is_err());
}
