//! `causeway backup`, `verify` and `restore`: whole stores as files.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::client::{
    context::Context,
    output,
    wire::{self, Connection},
};

/// A service that stores something.
#[derive(Clone, Copy, ValueEnum)]
enum Service {
    Registry,
    Provisioning,
    Updates,
    Paths,
}

impl Service {
    const ALL: [Self; 4] = [Self::Registry, Self::Provisioning, Self::Updates, Self::Paths];

    fn name(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Provisioning => "provisioning",
            Self::Updates => "updates",
            Self::Paths => "paths",
        }
    }

    fn grpc_service(self) -> &'static str {
        match self {
            Self::Registry => "causeway.registry.v1.RegistryService",
            Self::Provisioning => "causeway.provisioning.v1.ProvisioningService",
            Self::Updates => "causeway.updates.v1.UpdatesService",
            Self::Paths => "causeway.paths.v1.PathsService",
        }
    }
}

/// Arguments of `backup`.
#[derive(Args)]
pub(crate) struct BackupArguments {
    /// Directory for the files `<service>.backup`; made with mode 0700 if absent
    directory: PathBuf,
    /// Only this service; repeat for several
    #[arg(long = "service", value_enum)]
    services: Vec<Service>,
}

/// Arguments of `verify`.
#[derive(Args)]
pub(crate) struct VerifyArguments {
    /// Backup files
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Arguments of `restore`.
#[derive(Args)]
pub(crate) struct RestoreArguments {
    /// Backup file
    file: PathBuf,
    /// Store directory to make; it must not exist
    #[arg(long)]
    to: PathBuf,
}

/// Streams the stores of running services into files and verifies each.
pub(crate) async fn backup(context: &Context, arguments: BackupArguments) -> Result<()> {
    make_private_directory(&arguments.directory)?;
    let connection = Connection::open(context)?;
    let wanted =
        if arguments.services.is_empty() { Service::ALL.to_vec() } else { arguments.services };
    for service in wanted {
        let file = arguments.directory.join(format!("{}.backup", service.name()));
        download(&connection, service, &file).await.with_context(|| service.name().to_owned())?;
        output::write_out(&report(&file).await?)?;
    }
    Ok(())
}

/// Checks backup files.
pub(crate) async fn verify(arguments: VerifyArguments) -> Result<()> {
    for file in arguments.files {
        output::write_out(&report(&file).await?)?;
    }
    Ok(())
}

/// Makes a store of a backup file.
pub(crate) async fn restore(arguments: RestoreArguments) -> Result<()> {
    let epoch = store::restore(&arguments.file, &arguments.to).await?;
    output::write_out(&format!(
        "{}: restored, epoch {epoch}; tokens and etags of the old store no longer count, and services that follow this one \
         keep their copies until a system administrator calls their AcceptSnapshot\n",
        arguments.to.display()
    ))
}

/// What a whole backup holds, and who can open what is restored from it.
async fn report(file: &Path) -> Result<String> {
    let summary = store::verify(file).await?;
    Ok(format!(
        "{}: whole, revision {}, {} rows, {} bytes, taken {}, {}\n",
        file.display(),
        summary.revision,
        summary.rows,
        summary.bytes,
        summary.taken,
        summary.format
    ))
}

/// Writes beside the target and renames, so that a file under its name is never half a backup.
async fn download(connection: &Connection, service: Service, target: &Path) -> Result<()> {
    let method = wire::method(service.grpc_service(), "Backup")?;
    let mut stream = connection.server_streaming(&method, json!({})).await?;
    let partial = target.with_extension("backup.partial");
    let place = || format!("writing {}", partial.display());
    let mut file = create_private(&partial).with_context(place)?;
    while let Some(message) = stream.message().await? {
        let chunk = message.get_field_by_name("chunk").context("an answer without a chunk")?;
        let Some(bytes) = chunk.as_bytes() else { bail!("a chunk that is not bytes") };
        file.write_all(bytes).with_context(place)?;
    }
    file.sync_all().with_context(place)?;
    std::fs::rename(&partial, target).with_context(place)
}

/// A backup holds what the store holds, keys of authorities among it: nobody else may read it.
fn create_private(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn make_private_directory(path: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("making {}", path.display()))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use store::{Commit, Key, Reads, Store, StoreConfig, Value};

    use super::*;

    #[tokio::test]
    async fn a_backup_says_which_version_reads_its_records() {
        let directory = tempfile::tempdir().unwrap();
        let reads = Reads { format: 2, version: "0.3.0".to_owned() };
        let config = StoreConfig { reads, ..StoreConfig::new(directory.path().join("store")) };
        let store = Store::open(config, || Timestamp::UNIX_EPOCH).await.unwrap();
        let file = directory.path().join("backup");
        store.backup(&file).await.unwrap();
        let told = report(&file).await.unwrap();
        assert!(told.ends_with("taken 1970-01-01T00:00:00Z, record format 1\n"), "{told}");

        let value = Value { bytes: "newer".into(), format: 2 };
        let commit = Commit::new(Timestamp::UNIX_EPOCH).put(Key::builder(1).finish(), value);
        store.commit(commit).await.unwrap();
        store.backup(&file).await.unwrap();
        let told = report(&file).await.unwrap();
        assert!(told.ends_with("record format 2 (since 0.3.0)\n"), "{told}");
        store.close().await;
    }
}
