//! A network that drops packets: connections stay open, and nothing arrives any more.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

/// A TCP proxy that forwards bytes, until it drops them in both directions.
///
/// It still accepts connections then, as a kernel does whose process stands still. It ends on drop,
/// which closes its connections.
#[derive(Debug)]
pub struct BlackHole {
    address: SocketAddr,
    drops: Arc<AtomicBool>,
    end: Arc<End>,
}

#[derive(Debug, Default)]
struct End {
    streams: Mutex<Vec<TcpStream>>,
    ended: AtomicBool,
    accepted: Condvar,
}

impl BlackHole {
    /// Starts a proxy to `server` at a free port.
    ///
    /// # Errors
    ///
    /// If there is no port.
    pub fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, drops, end) =
            (listener.local_addr()?, Arc::new(AtomicBool::new(false)), Arc::new(End::default()));
        let (dropping, of_thread) = (drops.clone(), end.clone());
        thread::spawn(move || {
            for client in listener.incoming() {
                if of_thread.ended.load(Relaxed) {
                    return;
                }
                // A connection that fails is closed, as by a network.
                let _ = client.and_then(|client| connect(client, server, &dropping, &of_thread));
            }
        });
        Ok(Self { address, drops, end })
    }

    /// Returns the address of the proxy.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Drops all bytes from now on.
    pub fn drop_packets(&self) {
        self.drops.store(true, Relaxed);
    }

    /// Waits until `count` connections have been accepted.
    pub fn wait_for_connections(&self, count: usize) {
        let mut streams = self.end.streams.lock().unwrap_or_else(PoisonError::into_inner);
        // Each connection has two streams.
        while streams.len() < 2 * count {
            streams = self.end.accepted.wait(streams).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for BlackHole {
    fn drop(&mut self) {
        self.end.ended.store(true, Relaxed);
        for stream in &*self.end.streams.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

fn connect(client: TcpStream, server: SocketAddr, drops: &Arc<AtomicBool>, end: &End) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    for (from, to) in [(&client, &server), (&server, &client)] {
        let (from, to, drops) = (from.try_clone()?, to.try_clone()?, drops.clone());
        thread::spawn(move || forward(from, to, &drops));
    }
    end.streams.lock().unwrap_or_else(PoisonError::into_inner).extend([client, server]);
    end.accepted.notify_all();
    Ok(())
}

fn forward(mut from: TcpStream, mut to: TcpStream, drops: &AtomicBool) {
    let mut bytes = [0; 4096];
    loop {
        match from.read(&mut bytes) {
            // A dropped end is not seen at the other side either.
            _ if drops.load(Relaxed) => {}
            Ok(count @ 1..) if to.write_all(&bytes[..count]).is_ok() => continue,
            _ => {
                let _ = to.shutdown(std::net::Shutdown::Write);
                return;
            }
        }
        if !matches!(from.read(&mut bytes), Ok(1..)) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn bytes_arrive_until_they_are_dropped() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = BlackHole::start(server.local_addr().unwrap()).unwrap();
        let mut client = TcpStream::connect(proxy.address()).unwrap();
        let (mut peer, _) = server.accept().unwrap();
        let mut bytes = [0; 4];
        client.write_all(b"ping").unwrap();
        peer.read_exact(&mut bytes).unwrap();
        peer.write_all(b"pong").unwrap();
        client.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"pong");

        proxy.drop_packets();
        client.write_all(b"lost").unwrap();
        peer.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert!(peer.read(&mut bytes).is_err());
        drop(proxy);
        assert!(matches!(client.read(&mut bytes), Ok(0) | Err(_)));
    }
}
