//! A server in a container, through testcontainers.
//!
//! The official image is used where it is at hand or can be pulled. Where no registry
//! answers, an image is built from the fetched server: nothing but that one file.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use semver::Version;
use testcontainers::bollard::Docker;
use testcontainers::bollard::query_parameters::RemoveContainerOptionsBuilder;
use testcontainers::core::client::docker_client_instance;
use testcontainers::core::{IntoContainerPort as _, WaitFor};
use testcontainers::runners::{AsyncBuilder as _, AsyncRunner as _};
use testcontainers::{GenericBuildableImage, GenericImage, ImageExt as _};
use tokio::time::timeout;

use super::keeper::Keeper;
use super::platform::Platform;
use super::wanted::Wanted;
use super::{Program, Server, fetch, info};
use crate::progress;
use crate::workspace::Workspace;

/// The official image.
const OFFICIAL: &str = "nats";

/// The image that we build where there is no registry.
const OURS: &str = "aether-test/nats";

/// The port in the container.
const PORT: u16 = 4222;

/// How long Docker may take to say that it is there.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a pull may take; the image has less than 20 MB.
const PULL_TIMEOUT: Duration = Duration::from_secs(120);

/// How long it may take where it failed before, which is why there is an image of our own.
const PULL_TIMEOUT_AGAIN: Duration = Duration::from_secs(15);

/// How long the container may take to be ready. It needs less than a second.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// What the whole image is made of.
const DOCKERFILE: &str = "FROM scratch\n\
                          COPY nats-server /nats-server\n\
                          EXPOSE 4222\n\
                          ENTRYPOINT [\"/nats-server\"]\n";

pub(crate) async fn start(wanted: &Wanted, workspace: &Workspace) -> Result<Server> {
    let version = wanted.version();
    let docker = reach().await?;
    let image = Image::provide(&docker, &version, workspace.target()).await?;
    let server = run(&image).await?;
    if server.version != version {
        let Image { name, .. } = image;
        bail!("{name}:{version} holds nats-server {}", server.version);
    }
    Ok(server)
}

/// Docker, if it answers.
async fn reach() -> Result<Docker> {
    let unreachable = || match std::env::var("DOCKER_HOST") {
        Ok(host) => format!("Docker cannot be reached at {host} (DOCKER_HOST)"),
        Err(_) => "Docker cannot be reached".to_owned(),
    };
    let docker = docker_client_instance().await.with_context(unreachable)?;
    timeout(ANSWER_TIMEOUT, docker.ping())
        .await
        .context("it does not answer")
        .with_context(unreachable)?
        .with_context(unreachable)?;
    Ok(docker)
}

/// An image that Docker has now.
struct Image {
    name: &'static str,
    tag: String,
    /// How it came to be there.
    story: &'static str,
}

impl Image {
    async fn provide(docker: &Docker, version: &Version, target: &Path) -> Result<Self> {
        let image = |name, story| Self {
            name,
            tag: version.to_string(),
            story,
        };
        if has(docker, OFFICIAL, version).await {
            return Ok(image(OFFICIAL, "at hand"));
        }
        let built_before = has(docker, OURS, version).await;
        let patience = if built_before {
            PULL_TIMEOUT_AGAIN
        } else {
            PULL_TIMEOUT
        };
        let Err(refusal) = pull(version, patience).await else {
            return Ok(image(OFFICIAL, "pulled"));
        };
        eprintln!("not the official image: {refusal:#}");
        if built_before {
            return Ok(image(
                OURS,
                "built here before: the official one cannot be pulled",
            ));
        }
        build(docker, version, target)
            .await
            .context("there is no image of the server")?;
        Ok(image(OURS, "built here: the official one cannot be pulled"))
    }
}

async fn has(docker: &Docker, name: &str, version: &Version) -> bool {
    docker
        .inspect_image(&format!("{name}:{version}"))
        .await
        .is_ok()
}

async fn pull(version: &Version, patience: Duration) -> Result<()> {
    let image = GenericImage::new(OFFICIAL.to_owned(), version.to_string());
    let what = format!("pulling {OFFICIAL}:{version}");
    match progress::watch(&what, timeout(patience, image.pull_image())).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error).context("it cannot be pulled"),
        Err(_) => bail!("{what} took more than {} s", patience.as_secs()),
    }
}

async fn build(docker: &Docker, version: &Version, target: &Path) -> Result<()> {
    // Docker may run on another system than we do.
    let daemon = docker.version().await?;
    let platform = Platform::of(
        daemon.os.as_deref().unwrap_or_default(),
        daemon.arch.as_deref().unwrap_or_default(),
    )?;
    let executable = fetch::fetch(target, version, platform).await?;
    let image = GenericBuildableImage::new(OURS, version.to_string())
        .with_dockerfile_string(DOCKERFILE)
        .with_file(executable, "nats-server")
        .build_image();
    let built = progress::watch(&format!("building {OURS}:{version}"), image).await;
    built.map(drop).context("it cannot be built")
}

async fn run(image: &Image) -> Result<Server> {
    // The folder is not used but for its name, which nobody else has.
    let folder = tempfile::Builder::new().prefix("aether-nats-").tempdir()?;
    let name = folder
        .path()
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .context("a temporary folder without a name")?;
    let keeper = Keeper::of_container(folder, &name)?;
    let container = GenericImage::new(image.name.to_owned(), image.tag.clone())
        .with_exposed_port(PORT.tcp())
        .with_wait_for(WaitFor::message_on_stderr("Server is ready"))
        .with_cmd(["--jetstream", "--store_dir", "/data"])
        .with_container_name(&name)
        .with_startup_timeout(START_TIMEOUT)
        .start()
        .await?;
    let host = container.get_host().await?.to_string();
    // `localhost` may mean ::1, where Docker need not have published the port.
    let host = if host == "localhost" {
        "127.0.0.1".to_owned()
    } else {
        host
    };
    let port = container.get_host_port_ipv4(PORT).await?;
    let url = format!("nats://{host}:{port}");
    let info = info::ask(&url).await?;
    let Image {
        name: image_name,
        tag,
        story,
    } = image;
    Ok(Server {
        url,
        version: info.version,
        program: Program::InImage(format!("{image_name}:{tag}")),
        pid: None,
        origin: format!("a container ({name}) of image {image_name}:{tag} ({story})"),
        _container: Some(container),
        keeper: Some(keeper),
    })
}

/// Removes a container if it is there: the keeper's way, outside of any runtime.
pub(crate) fn remove(name: &str) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    else {
        return;
    };
    runtime.block_on(async {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true);
        if let Ok(docker) = docker_client_instance().await {
            // Nobody is left to be told; most often testcontainers was faster.
            let _gone = docker.remove_container(name, Some(options.build())).await;
        }
    });
}
