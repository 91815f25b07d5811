//! A round-robin TCP proxy: successive connections go to alternating processes, so that a browser's requests meet
//! another process each time. The caller's loopback address is kept on the way out, as limits count by network.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// A running proxy; lives as long as the test program.
pub struct Proxy {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    behind: Arc<Mutex<Vec<u16>>>,
}

impl Proxy {
    /// Listens on a free port, with nothing behind it yet.
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let behind = Arc::new(Mutex::new(Vec::new()));
        let served = Arc::clone(&behind);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(listener, served));
        });
        Self { port, behind }
    }

    /// Puts other processes behind the proxy.
    pub fn set(&self, ports: Vec<u16>) {
        *self.behind.lock().unwrap() = ports;
    }
}

async fn serve(listener: std::net::TcpListener, behind: Arc<Mutex<Vec<u16>>>) {
    let listener = TcpListener::from_std(listener).unwrap();
    let turn = AtomicUsize::new(0);
    loop {
        let Ok((mut caller, from)) = listener.accept().await else { continue };
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        let ports = behind.lock().unwrap().clone();
        tokio::spawn(async move {
            for attempt in 0..ports.len() {
                let port = ports[(turn + attempt) % ports.len()];
                if let Ok(mut server) = connect(from.ip(), port).await {
                    drop(tokio::io::copy_bidirectional(&mut caller, &mut server).await);
                    return;
                }
            }
        });
    }
}

async fn connect(from: IpAddr, port: u16) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    drop(socket.bind(SocketAddr::new(from, 0)));
    socket.connect((Ipv4Addr::LOCALHOST, port).into()).await
}
