use std::{
    fs::{File, Metadata, OpenOptions},
    future::Future,
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use rustix::{fs::OFlags, io::Errno};
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};
use tower_http::services::fs::{Backend, File as BackendFile};

/// The regular files below a folder, and nothing else.
///
/// What a symbolic link leads to is checked with each request. A process that may write to the
/// folder could exchange a folder for a link between the check and the opening.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    root: Arc<Path>,
}

impl Folder {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.into() }
    }

    fn open_file(&self, path: &Path) -> io::Result<File> {
        // A fifo is not waited for, and a terminal does not become that of the process.
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
        let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(self.resolve(path)?)?;
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn read_metadata(&self, path: &Path) -> io::Result<Metadata> {
        let metadata = self.resolve(path)?.symlink_metadata()?;
        if metadata.is_file() || metadata.is_dir() { Ok(metadata) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// Follows all links, and fails if they lead out of the folder.
    ///
    /// The folder itself may be a link, which an update exchanges.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let path = path.canonicalize()?;
        if path.starts_with(self.root.canonicalize()?) { Ok(path) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

/// Turns each error that a path alone causes into `NotFound`.
fn not_found(error: io::Error) -> io::Error {
    use io::ErrorKind::{InvalidInput, NotADirectory, NotFound, PermissionDenied};
    let of_path = matches!(error.kind(), InvalidInput | NotADirectory | NotFound | PermissionDenied);
    // The last is that of a socket.
    let errors = [Errno::NAMETOOLONG, Errno::LOOP, Errno::NXIO];
    if of_path || Errno::from_io_error(&error).is_some_and(|error| errors.contains(&error)) {
        NotFound.into()
    } else {
        error
    }
}

async fn blocking<T: Send + 'static>(read: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?.map_err(not_found)
}

type IoFuture<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

impl Backend for Folder {
    type File = OpenFile;
    type Metadata = Metadata;
    type OpenFuture = IoFuture<'static, OpenFile>;
    type MetadataFuture = IoFuture<'static, Metadata>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        let folder = self.clone();
        Box::pin(
            async move { Ok(OpenFile(tokio::fs::File::from_std(blocking(move || folder.open_file(&path)).await?))) },
        )
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        let folder = self.clone();
        Box::pin(blocking(move || folder.read_metadata(&path)))
    }
}

/// An open file.
#[derive(Debug)]
pub(super) struct OpenFile(tokio::fs::File);

impl BackendFile for OpenFile {
    type Metadata = Metadata;
    type MetadataFuture<'a> = IoFuture<'a, Metadata>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        Box::pin(self.0.metadata())
    }
}

impl AsyncRead for OpenFile {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncSeek for OpenFile {
    fn start_seek(mut self: Pin<&mut Self>, position: io::SeekFrom) -> io::Result<()> {
        Pin::new(&mut self.0).start_seek(position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Pin::new(&mut self.0).poll_complete(cx)
    }
}
