//! Opening connections: name lookup, proxy, TLS.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hyper::Uri;
use hyper::header::HeaderValue;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tower_service::Service as _;
use url::Url;
use yawc::{Options, WebSocket};

use crate::error::{FeedError, Result};
use crate::stamped::{Stamp, Stamped};

/// How long each step of opening a connection may take.
const PATIENCE: Duration = Duration::from_secs(10);
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(15);
/// Largest message of a WebSocket that is taken.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
const BUFFER_BYTES_MAX: usize = 96 << 20;

/// A stream of bytes to a venue.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection, and when its last packet came.
pub(crate) struct Dialled {
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) stamp: Stamp,
}

/// Opens connections the same way for streams and REST.
#[derive(Clone)]
pub struct Dialler {
    tls: TlsConnector,
    proxy: Option<Url>,
}

impl Dialler {
    /// `ca_file` has certificates to trust besides those of the system.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn new(proxy: Option<Url>, ca_file: Option<&Path>) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = ca_file {
            let place = format!("ca_file {}", path.display());
            let wrong = |problem: String| FeedError::config(place.clone(), problem);
            let read =
                CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
            for certificate in read {
                let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
                roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
            }
        }
        let provider = tokio_rustls::rustls::crypto::ring::default_provider();
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| FeedError::config("tls", error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), proxy })
    }

    /// A connection to the host of a URL, encrypted if its scheme says so.
    pub(crate) async fn dial(&self, url: &Url) -> io::Result<Dialled> {
        let host = url.host_str().ok_or_else(|| wrong_url(url, "a host"))?;
        let port = url.port_or_known_default().ok_or_else(|| wrong_url(url, "a port"))?;
        let tcp = timed("connecting", self.tcp(host, port)).await?;
        tcp.set_nodelay(true)?;
        let tcp = Stamped::new(tcp);
        let stamp = tcp.stamp();
        if !matches!(url.scheme(), "wss" | "https") {
            return Ok(Dialled { stream: Box::new(tcp), stamp });
        }
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let tls = timed("TLS handshake", self.tls.connect(name, tcp)).await?;
        Ok(Dialled { stream: Box::new(tls), stamp })
    }

    /// A connection to the host of a URL, encrypted if its scheme says so, and when its last packet
    /// came.
    ///
    /// # Errors
    /// There is no connection.
    pub async fn connect(&self, url: &Url) -> io::Result<(Box<dyn Stream>, Stamp)> {
        let Dialled { stream, stamp } = self.dial(url).await?;
        Ok((stream, stamp))
    }

    /// A WebSocket, and when its last packet came.
    ///
    /// # Errors
    /// There is no connection, or the other side speaks no WebSocket.
    pub async fn web_socket(
        &self,
        url: Url,
        compression: bool,
    ) -> io::Result<(WebSocket<Box<dyn Stream>>, Stamp)> {
        let Dialled { stream, stamp } = self.dial(&url).await?;
        let mut options = Options::default().with_limits(MESSAGE_BYTES_MAX, BUFFER_BYTES_MAX);
        if compression {
            options = options.with_balanced_compression();
        }
        let agent = concat!("rustonite/", env!("CARGO_PKG_VERSION"));
        let request = yawc::HttpRequest::builder().header("User-Agent", agent);
        let handshake = WebSocket::handshake_with_request(url, stream, options, request);
        match tokio::time::timeout(HANDSHAKE_PATIENCE, handshake).await {
            Ok(done) => done.map(|socket| (socket, stamp)).map_err(io::Error::other),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer to the handshake")),
        }
    }

    async fn tcp(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let Some(proxy) = &self.proxy else { return TcpStream::connect((host, port)).await };
        let mut direct = HttpConnector::new();
        direct.enforce_http(false);
        let via: Uri = proxy.as_str().parse().map_err(io::Error::other)?;
        let wanted: Uri = format!("https://{host}:{port}").parse().map_err(io::Error::other)?;
        let (user, password) = (proxy.username(), proxy.password().unwrap_or_default());
        let reached = match proxy.scheme() {
            "http" => {
                let mut tunnel = Tunnel::new(via, direct);
                if !user.is_empty() {
                    tunnel = tunnel.with_auth(basic(user, password)?);
                }
                tunnel.call(wanted).await.map_err(|error| proxy_error(&error))
            }
            "socks5" | "socks5h" => {
                let mut socks = SocksV5::new(via, direct).local_dns(proxy.scheme() == "socks5");
                if !user.is_empty() {
                    socks = socks.with_auth(user.to_owned(), password.to_owned());
                }
                socks.call(wanted).await.map_err(|error| proxy_error(&error))
            }
            _ => Err(wrong_url(proxy, "http:// or socks5://")),
        };
        reached.map(TokioIo::into_inner)
    }
}

fn basic(user: &str, password: &str) -> io::Result<HeaderValue> {
    let secret = BASE64_STANDARD.encode(format!("{user}:{password}"));
    let mut value = HeaderValue::try_from(format!("Basic {secret}")).map_err(io::Error::other)?;
    value.set_sensitive(true);
    Ok(value)
}

/// An error of a connector, with its causes: the outer one only says that it failed.
fn proxy_error(error: &dyn std::error::Error) -> io::Error {
    let mut text = format!("proxy: {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    io::Error::other(text)
}

fn wrong_url(url: &Url, expected: &str) -> io::Error {
    // Without what may be a password.
    let shown = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
    io::Error::new(io::ErrorKind::InvalidInput, format!("{shown}: expected {expected}"))
}

async fn timed<T>(what: &str, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let Ok(done) = tokio::time::timeout(PATIENCE, work).await else {
        let text = format!("{what} took longer than {} s", PATIENCE.as_secs());
        return Err(io::Error::new(io::ErrorKind::TimedOut, text));
    };
    done
}

/// A stream in the form that hyper takes.
pub(crate) fn for_http(stream: Box<dyn Stream>) -> TokioIo<Box<dyn Stream>> {
    TokioIo::new(stream)
}

#[cfg(test)]
mod tests;
