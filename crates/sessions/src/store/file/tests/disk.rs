//! A disk that is full, and is not any more.

use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::*;
use crate::Version;

/// A disk that can be full.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    full: Arc<AtomicBool>,
    /// How many handles of it there are, and how many there were at most at once.
    handles: Arc<[AtomicUsize; 2]>,
}

impl Disk {
    fn check(&self) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.check()?;
        self.file.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.file.write(offset, data)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.handles[0].fetch_sub(1, Ordering::SeqCst);
    }
}

/// A store on a disk that is full while the first says so; the handles there are of it, and were at most.
fn store_on_a_disk(path: &Path) -> (FileStore, Arc<AtomicBool>, Arc<[AtomicUsize; 2]>) {
    drop(FileStore::open(path).unwrap());
    let (full, handles) = (Arc::new(AtomicBool::new(false)), Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]));
    let reopen = {
        let (path, full, handles) = (path.to_owned(), Arc::clone(&full), Arc::clone(&handles));
        move || {
            let file = FileBackend::new(OpenOptions::new().read(true).write(true).open(&path).unwrap()).unwrap();
            let now = handles[0].fetch_add(1, Ordering::SeqCst) + 1;
            handles[1].fetch_max(now, Ordering::SeqCst);
            let disk = Disk { file, full: Arc::clone(&full), handles: Arc::clone(&handles) };
            redb::Database::builder()
                .create_with_backend(disk)
                .map_err(|error| SessionsError::StoreUnavailable(StoreUnavailable::new(error)))
        }
    };
    let store = FileStore::over(Database::new(reopen().unwrap(), Box::new(reopen)), writer::LARGE).unwrap();
    (store, full, handles)
}

async fn writes_again(store: &FileStore, id: u8) {
    let recovered = async {
        while put(store, id).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), recovered).await.expect("writes again once there is room");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_without_room_for_a_word_refuses_all_and_does_not_outlast_its_cause() {
    let folder = tempfile::tempdir().unwrap();
    let (store, full, handles) = store_on_a_disk(&folder.path().join("sessions.redb"));
    put(&store, 1).await.unwrap();
    full.store(true, Ordering::SeqCst);
    put(&store, 2).await.unwrap_err();
    put(&store, 3).await.unwrap_err();
    store.sweep(at(60)).await.unwrap_err();
    full.store(false, Ordering::SeqCst);
    writes_again(&store, 4).await;
    assert!(store.get(&key(1), at(0)).await.unwrap().is_some(), "nothing answered is lost");
    assert_eq!(store.get(&key(2), at(0)).await.unwrap(), None, "nothing refused is there");
    assert_eq!(store.sweep(at(60)).await.unwrap(), 2, "and what could not be swept is");
    assert_eq!(handles[1].load(Ordering::SeqCst), 1, "there are never two handles of a file");
}

/// A file system of so many kilobytes, or `None` where this process may mount none.
fn small_disk(at: &Path, kilobytes: u32) -> Option<Mounted> {
    let size = format!("size={kilobytes}k");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "doorward-test"]).arg(at).output();
    mounted.is_ok_and(|output| output.status.success()).then(|| Mounted(at.to_owned()))
}

/// Unmounted when dropped.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _gone = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_goes_on_without_a_gap_while_a_real_disk_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_disk) = small_disk(folder.path(), 8_000) else {
        skip("a full disk needs the right to mount one");
        return;
    };
    let store = Arc::new(FileStore::open(&folder.path().join("sessions.redb")).unwrap());
    let large = async |id: u8| store.put(&key(id), Expected::Absent, &vec![id; 200_000], at(60), at(0)).await;
    large(1).await.unwrap();
    // Others fill the disk; then the file cannot grow.
    let filler = folder.path().join("filler");
    let full = io::copy(&mut io::repeat(0), &mut fs::File::create(&filler).unwrap()).unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    let stop = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        async move {
            let mut reads = 0;
            while !stop.load(Ordering::SeqCst) {
                assert!(store.get(&key(1), at(0)).await.expect("reading goes on").is_some());
                reads += 1;
            }
            reads
        }
    });
    let (mut written, mut refused) = (vec![1], 0);
    for id in 2..60 {
        match large(id).await {
            Ok(put) => {
                assert_eq!(put, Put::Stored(Version(1)));
                written.push(id);
            }
            Err(error) => {
                refused += 1;
                assert_eq!(error.to_string(), "the session store is unavailable");
                assert_eq!(store.get(&key(id), at(0)).await.unwrap(), None, "what was refused is not there");
            }
        }
        if refused == 3 {
            // So that more than one write reaches the disk and fails there.
            tokio::time::sleep(writer::PAUSE).await;
        }
    }
    assert!(refused > 10, "{refused} writes were refused");
    stop.store(true, Ordering::SeqCst);
    assert!(reader.await.unwrap() > 0);
    fs::remove_file(&filler).unwrap();
    writes_again(&store, 200).await;
    for id in &written {
        assert_eq!(store.get(&key(*id), at(0)).await.unwrap().unwrap().sealed, vec![*id; 200_000]);
    }
    drop(store);
    let store = FileStore::open(&folder.path().join("sessions.redb")).unwrap();
    assert!(store.get(&key(200), at(0)).await.unwrap().is_some());
}

/// Says loudly that a test did not run, and notes it in the file that `SKIPPED` names.
#[allow(clippy::print_stderr, reason = "a test that does not run says so")]
fn skip(reason: &str) {
    eprintln!("SKIPPED: {reason}");
    if let Some(path) = std::env::var_os("SKIPPED") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        io::Write::write_all(&mut file.unwrap(), format!("sessions: {reason}\n").as_bytes()).unwrap();
    }
}
