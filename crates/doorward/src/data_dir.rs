//! The directory where everything is kept that outlives the process.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataDirError {
    /// It is not there and cannot be made, or is something else.
    #[error("cannot use the data directory {path}: {source}\n    Name another with `data_dir` or the variable DATA_DIR.", path = .path.display())]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others may write to it.
    #[error("the data directory {path} may be written by others (mode {mode:o})\n    chmod 700 {path}", path = .path.display())]
    Open {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// Makes the directory, for its owner alone, unless it is there.
///
/// # Errors
/// When it cannot be made or read, or when the group or others may write to it: they could plant keys there.
pub(crate) fn prepare(path: &Path) -> Result<(), DataDirError> {
    let unusable = |source| DataDirError::Unusable { path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
    let mode = std::fs::metadata(path).map_err(unusable)?.permissions().mode() & 0o777;
    if mode & 0o022 != 0 {
        return Err(DataDirError::Open { path: path.to_owned(), mode });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_for_its_owner_alone_and_refused_when_others_may_write() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        prepare(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(prepare(&path), Err(DataDirError::Open { mode: 0o777, .. })));
    }
}
