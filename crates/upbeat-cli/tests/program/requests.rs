//! Odd requests against the built-in servers, byte for byte: the table `requests.txt`.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use tempfile::TempDir;

use crate::playing::play_in;

const TABLE: &str = include_str!("requests.txt");

/// The page that names each deviation.
const PAGE: &str = include_str!("../../../../docs/http.md");

/// The timeout of each read, which is far longer than any takes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A row of the table.
struct Row<'a> {
    name: &'a str,
    server: &'a str,
    expected: Expected<'a>,
    deviation: Option<&'a str>,
    /// The bytes to send, with a wait for a status of 100 after each part but the last.
    parts: Vec<Vec<u8>>,
}

enum Expected<'a> {
    Responses {
        statuses: Vec<&'a str>,
        fate: &'a str,
    },
    /// The response is refused, or cut short, and the connection is closed.
    Cut,
    /// A frame of HTTP/2.
    Frame(&'a str),
}

impl<'a> Row<'a> {
    fn parse(line: &'a str) -> Self {
        let fields: Vec<_> = line.splitn(5, " | ").collect();
        let [name, server, section, expected, bytes] = fields[..] else { panic!("five fields: {line}") };
        assert!(section.split(' ').all(|part| part.starts_with(|first: char| first.is_ascii_digit() || first == 'C')));
        let (expected, deviation) = match expected.split_once(" !") {
            Some((expected, deviation)) => (expected, Some(deviation)),
            None => (expected, None),
        };
        let expected = match expected.rsplit_once(' ') {
            None => Expected::Cut,
            Some(("h2", frame)) => Expected::Frame(frame),
            Some((statuses, fate)) => Expected::Responses { statuses: statuses.split(' ').collect(), fate },
        };
        let parts = bytes.split("<100>").map(|part| unescape(&part.replace("{H}", "Host: a\\r\\n"))).collect();
        Self { name, server, expected, deviation, parts }
    }

    fn try_at(&self, address: SocketAddr) -> Result<(), String> {
        let mut client = Client::connect(address).map_err(|error| error.to_string())?;
        match &self.expected {
            Expected::Frame(frame) => {
                client.send(&self.parts[0]);
                client.frame(frame)
            }
            Expected::Cut => {
                client.send(&self.parts[0]);
                let answer = client.rest();
                let is_cut = answer.is_empty()
                    || answer.starts_with("HTTP/1.1 400 ")
                    || answer.starts_with("HTTP/1.1 200 ") && !answer.ends_with("\r\n0\r\n\r\n");
                let responses = answer.matches("HTTP/1.1 ").count();
                if is_cut && responses <= 1 { Ok(()) } else { Err(format!("not cut: {answer:?}")) }
            }
            Expected::Responses { statuses, fate } => {
                let mut parts = self.parts.iter();
                client.send(parts.next().expect("it has a part"));
                for expected in statuses {
                    let status = client.response(expected.ends_with('h'))?;
                    if !expected.trim_end_matches('h').split('/').any(|expected| expected == status) {
                        return Err(format!("{status} in place of {expected}: {:?}", client.last));
                    }
                    if status == "100"
                        && let Some(part) = parts.next()
                    {
                        client.send(part);
                    }
                }
                client.fate(fate, if self.server == "echo" { "405" } else { "404" })
            }
        }
    }
}

/// Replaces escapes and repetitions.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (taken, length): (Vec<u8>, usize) = match first {
            '\\' => match rest.as_bytes().get(1) {
                Some(b'r') => (vec![b'\r'], 2),
                Some(b'n') => (vec![b'\n'], 2),
                Some(b't') => (vec![b'\t'], 2),
                Some(b'x') => (vec![u8::from_str_radix(&rest[2..4], 16).expect("two digits")], 4),
                _ => (vec![b'\\'], 2),
            },
            '{' => match rest.find('}').and_then(|end| Some((end, rest[1..end].rsplit_once('*')?))) {
                Some((end, (repeated, times))) => {
                    (unescape(repeated).repeat(times.parse().expect("a number")), end + 1)
                }
                None => (vec![b'{'], 1),
            },
            _ => (rest.as_bytes()[..first.len_utf8()].to_vec(), first.len_utf8()),
        };
        bytes.extend(taken);
        rest = &rest[length..];
    }
    bytes
}

struct Client {
    stream: TcpStream,
    read: Vec<u8>,
    /// The head of the last response.
    last: String,
}

impl Client {
    fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::new(), last: String::new() })
    }

    fn send(&mut self, bytes: &[u8]) {
        // The server may have closed its side. What it sent is read all the same.
        let _ = self.stream.write_all(bytes);
    }

    /// Reads more bytes, and returns whether there are any.
    fn more(&mut self) -> Result<bool, String> {
        let mut buffer = [0; 8_192];
        match self.stream.read(&mut buffer) {
            Ok(length) => {
                self.read.extend_from_slice(&buffer[..length]);
                Ok(length > 0)
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(format!("{error}, after {:?}", String::from_utf8_lossy(&self.read))),
        }
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>, String> {
        while self.read.len() < length {
            if !self.more()? {
                return Err(format!("closed after {:?} {:?}", self.last, String::from_utf8_lossy(&self.read)));
            }
        }
        Ok(self.read.drain(..length).collect())
    }

    fn until(&mut self, mark: &str) -> Result<String, String> {
        loop {
            if let Some(at) = self.read.windows(mark.len()).position(|window| window == mark.as_bytes()) {
                let bytes = self.take(at + mark.len())?;
                return Ok(String::from_utf8_lossy(&bytes).into_owned());
            }
            if !self.more()? {
                return Err(format!("closed without a response: {:?}", String::from_utf8_lossy(&self.read)));
            }
        }
    }

    /// Reads a response and returns its status.
    fn response(&mut self, bodiless: bool) -> Result<String, String> {
        let head = self.until("\r\n\r\n")?;
        self.last.clone_from(&head);
        let status = head.get(9..12).filter(|_| head.starts_with("HTTP/1.")).ok_or(format!("no response: {head:?}"))?;
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find_map(|(header, value)| header.eq_ignore_ascii_case(name).then_some(value))
        };
        if bodiless || status.starts_with('1') || status == "204" || status == "304" {
        } else if let Some(length) = header("content-length") {
            self.take(length.parse().map_err(|_| format!("length {length}"))?)?;
        } else if header("transfer-encoding").is_some() {
            while self.until("\r\n")?.trim() != "0" {}
            self.until("\r\n")?;
        } else {
            while self.more()? {}
            self.read.clear();
        }
        Ok(status.to_owned())
    }

    /// Checks that the connection is open or closed, and that no more has been sent.
    fn fate(&mut self, fate: &str, probe: &str) -> Result<(), String> {
        match fate {
            "closed" => match self.rest() {
                rest if rest.is_empty() => Ok(()),
                rest => Err(format!("more than expected: {rest:?}")),
            },
            "open" => {
                self.send(b"GET /probe HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n");
                let status = self.response(false).map_err(|error| format!("not open: {error}; {:?}", self.last))?;
                if status != probe {
                    return Err(format!("{status} to the probe: {:?}", self.last));
                }
                self.fate("closed", probe)
            }
            _ => Ok(()),
        }
    }

    /// Returns what is sent until the server closes.
    fn rest(&mut self) -> String {
        loop {
            match self.more() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return format!("not closed: {error}"),
            }
        }
        let _ = self.stream.shutdown(Shutdown::Both);
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }

    /// Reads frames until the expected one.
    fn frame(&mut self, expected: &str) -> Result<(), String> {
        let mut seen = Vec::new();
        loop {
            let head = self.take(9).map_err(|error| format!("{error}, after frames {seen:?}"))?;
            let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            let payload = self.take(length)?;
            let found = match (head[3], payload.first()) {
                // The entries of the static table of HPACK.
                (1, Some(0x88)) => "200",
                (1, Some(0x8c)) => "400",
                (3, _) => "reset",
                (4, _) if head[4] & 1 == 0 => "settings",
                (7, _) => "goaway",
                _ => "another",
            };
            seen.push(found);
            if found == expected {
                return Ok(());
            }
        }
    }
}

fn rows() -> Vec<Row<'static>> {
    TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(Row::parse).collect()
}

#[test]
fn every_request_is_answered_as_the_table_says() {
    let folder = TempDir::new().expect("a folder");
    let public = folder.path().join("public");
    fs::create_dir_all(public.join("sub")).expect("created");
    fs::create_dir(public.join(".well-known")).expect("created");
    for (path, text) in [
        ("index.html", "<p>home"),
        ("digits.txt", "0123456789"),
        ("sub/index.html", "<p>sub"),
        (".env", "secret"),
        (".well-known/security.txt", "contact"),
        ("../secret", "secret"),
    ] {
        fs::write(public.join(path), text).expect("written");
    }
    let servers = ["hello", "echo", "static"];
    let tables = servers.map(|kind| {
        let root = if kind == "static" { "root = \"public\"\n" } else { "" };
        format!("[server.{kind}]\nkind = \"{kind}\"\nbind = \"127.0.0.1:0\"\n{root}")
    });
    let score = folder.path().join("score.toml");
    fs::write(&score, tables.concat()).expect("written");
    let mut playing = play_in(folder, &score, "info");
    let addresses = servers.map(|server| (server, playing.address(server)));

    let rows = rows();
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let address = addresses.iter().find(|(server, _)| *server == row.server).expect("a server").1;
                    if let Err(error) = row.try_at(address) {
                        failed.lock().expect("no panic").push(format!("{}: {error}", row.name));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no panic");
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), rows.len(), failed.join("\n"));
    playing.signal("TERM");
    assert_eq!(playing.end().code, 0);
}

#[test]
fn every_name_is_unique_and_every_deviation_is_on_the_page() {
    let rows = rows();
    assert!(rows.len() >= 150, "{}", rows.len());
    let names: BTreeSet<_> = rows.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), rows.len());
    let used: BTreeSet<_> = rows.iter().filter_map(|row| row.deviation).collect();
    let on_page: BTreeSet<_> =
        PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(name, _)| name).collect();
    assert_eq!(used, on_page);
}
