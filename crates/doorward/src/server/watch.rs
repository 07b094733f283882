//! Tells when the configuration, or a file it refers to, has changed, or somebody sent SIGHUP.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often the files are looked at. Asking for their age works on every file system, mounted ones and
/// swapped links included, where notification does not; it costs a microsecond a file.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What made a reload necessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// SIGHUP.
    Signal,
    /// A file changed.
    File,
}

/// Watches files by their age, size and identity.
#[derive(Debug)]
pub(crate) struct Watch {
    hangup: Signal,
    ticks: Interval,
    files: BTreeMap<PathBuf, Option<Mark>>,
    /// Whether something differed at the last look.
    moving: bool,
}

/// What changes when a file does: device, inode, size, and times of content and of metadata.
type Mark = (u64, u64, u64, (i64, i64), (i64, i64));

impl Watch {
    /// Watches these files, which were read after `since`. From now on SIGHUP no longer ends the process.
    ///
    /// # Errors
    /// When the system does not let the signal be caught.
    pub(crate) fn new(files: impl IntoIterator<Item = PathBuf>, since: SystemTime) -> std::io::Result<Self> {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let hangup = signal(SignalKind::hangup())?;
        let mut watch = Self { hangup, ticks, files: BTreeMap::new(), moving: false };
        watch.look_at(files, since);
        Ok(watch)
    }

    /// Takes all files as they are now for known. To be called before they are read: what changes while they
    /// are being read is then still a change.
    pub(crate) fn know(&mut self) {
        self.differs();
        self.moving = false;
    }

    /// Watches these files instead, which were read after `since`. Those watched before are known as they were
    /// then; a new one that changed after `since` may have been read before or after that, so it counts as changed.
    pub(crate) fn look_at(&mut self, files: impl IntoIterator<Item = PathBuf>, since: SystemTime) {
        let known = std::mem::take(&mut self.files);
        let marked = |file: PathBuf| {
            let mark = known.get(&file).copied().unwrap_or_else(|| mark(&file).filter(|_| !is_newer(&file, since)));
            (file, mark)
        };
        self.files = files.into_iter().map(marked).collect();
    }

    /// Waits for a change. A file is reported once it has been the same for one look, so that one still
    /// being written is not read half. May be dropped and called again without losing anything.
    pub(crate) async fn changed(&mut self) -> Cause {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => return Cause::Signal,
                _ = self.ticks.tick() => {
                    let moved = std::mem::replace(&mut self.moving, false);
                    self.moving = self.differs();
                    if moved && !self.moving {
                        return Cause::File;
                    }
                }
            }
        }
    }

    /// Whether something differs from the last look, which this one becomes.
    fn differs(&mut self) -> bool {
        let mut differs = false;
        for (file, last) in &mut self.files {
            let now = mark(file);
            if now != *last {
                *last = now;
                differs = true;
            }
        }
        differs
    }
}

/// Whether a file's content was changed at this time or later. Clocks of file systems are coarse: a moment
/// before counts as well.
fn is_newer(file: &PathBuf, since: SystemTime) -> bool {
    const COARSE: Duration = Duration::from_millis(20);
    std::fs::metadata(file).and_then(|metadata| metadata.modified()).is_ok_and(|modified| modified + COARSE >= since)
}

fn mark(file: &PathBuf) -> Option<Mark> {
    let metadata = std::fs::metadata(file).ok()?;
    let modified = (metadata.mtime(), metadata.mtime_nsec());
    Some((metadata.dev(), metadata.ino(), metadata.size(), modified, (metadata.ctime(), metadata.ctime_nsec())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_changed_and_a_replaced_file_are_both_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.yaml");
        std::fs::write(&file, "a").unwrap();
        let later = SystemTime::now() + Duration::from_secs(1);
        let mut watch = Watch::new([file.clone()], later).unwrap();
        assert!(tokio::time::timeout(Duration::from_secs(5), watch.changed()).await.is_err(), "nothing changed");
        std::fs::write(&file, "longer").unwrap();
        assert_eq!(watch.changed().await, Cause::File);
        let other = directory.path().join("other");
        std::fs::write(&other, "longer").unwrap();
        std::fs::rename(&other, &file).unwrap();
        assert_eq!(watch.changed().await, Cause::File);
    }

    #[tokio::test(start_paused = true)]
    async fn what_changes_while_the_files_are_read_is_noticed_afterwards() {
        let directory = tempfile::tempdir().unwrap();
        let (file, new) = (directory.path().join("config.yaml"), directory.path().join("secret"));
        std::fs::write(&file, "a").unwrap();
        let later = SystemTime::now() + Duration::from_secs(1);
        let mut watch = Watch::new([file.clone()], later).unwrap();
        watch.know();
        std::fs::write(&file, "changed while it was read").unwrap();
        watch.look_at([file.clone()], later);
        assert_eq!(watch.changed().await, Cause::File);
        // A file that the configuration did not name before, written after the reading began.
        std::fs::write(&new, "b").unwrap();
        watch.look_at([file, new], SystemTime::now());
        assert_eq!(watch.changed().await, Cause::File);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_given_up_loses_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.yaml");
        std::fs::write(&file, "a").unwrap();
        let mut watch = Watch::new([file.clone()], SystemTime::now() + Duration::from_secs(1)).unwrap();
        std::fs::write(&file, "longer").unwrap();
        for _ in 0..10 {
            if let Ok(cause) = tokio::time::timeout(Duration::from_millis(700), watch.changed()).await {
                assert_eq!(cause, Cause::File);
                return;
            }
        }
        panic!("the change was forgotten");
    }
}
