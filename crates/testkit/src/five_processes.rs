//! The five real binaries, each a process of its own.
//!
//! Always holds: a process does not outlive its handle; what it logged is shown when a story fails.
//! Absent on purpose: building the binaries. The command that runs the tests does that.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal};

use crate::{
    endpoints::{Endpoints, SERVICES},
    plan::Plan,
};

/// Lines of a log that a failed story shows.
const SHOWN_LINES: usize = 30;
/// Bytes of each of them.
const SHOWN_BYTES: usize = 400;

/// One of the binaries: running, or ended and ready to be started again. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    /// What it is told whatever the plan: certificates, ports, siblings.
    fixed: Vec<String>,
    directory: PathBuf,
    child: Child,
}

/// Starts the five on free ports.
pub(crate) fn start(plan: &Plan, directory: &Path) -> Result<(Vec<Process>, Endpoints)> {
    let ports = free_ports()?;
    let [apis @ .., _] = &ports.each;
    let endpoints = Endpoints {
        services: *apis,
        enrolment: ports.each[SERVICES.len()],
        admin: ports.admin.to_vec(),
    };
    let mut processes = Vec::new();
    for (index, name) in SERVICES.into_iter().enumerate() {
        let mut settings = plan.common(directory);
        settings.push(format!("server.listen=127.0.0.1:{}", endpoints.services[index]));
        settings.push(format!("server.admin_listen=127.0.0.1:{}", ports.admin[index]));
        if name == "provisioning" {
            settings.push(format!("server.enrolment_listen=127.0.0.1:{}", endpoints.enrolment));
        }
        for (peer, port) in
            SERVICES.iter().zip(endpoints.services).filter(|(peer, _)| **peer != "console")
        {
            settings.push(format!("peers.{peer}=https://localhost:{port}"));
        }
        let child = spawn(name, plan, &settings, directory)?;
        processes.push(Process { name, fixed: settings, directory: directory.to_owned(), child });
    }
    Ok((processes, endpoints))
}

struct Ports {
    each: [u16; 6],
    admin: [u16; 5],
}

/// Ports that were free a moment ago. All are held until all are known, so none is given twice.
fn free_ports() -> Result<Ports> {
    let held: Vec<TcpListener> = (0..11)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<Result<_, _>>()
        .context("no free ports")?;
    let mut ports = [0; 11];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr()?.port();
    }
    let [a, b, c, d, e, f, admin @ ..] = ports;
    Ok(Ports { each: [a, b, c, d, e, f], admin })
}

fn spawn(name: &str, plan: &Plan, fixed: &[String], directory: &Path) -> Result<Child> {
    let output = File::options().create(true).append(true).open(log(directory, name))?;
    let binary = binary(&format!("causeway-{name}"))?;
    let mut command = match plan.wrapper(name).and_then(<[String]>::split_first) {
        Some((program, words)) => {
            let mut command = Command::new(program);
            command.args(words).arg(&binary);
            command
        }
        None => Command::new(&binary),
    };
    let mut settings = plan.of(name, directory);
    settings.extend(fixed.iter().cloned().chain(plan.own(name)));
    command
        .args(settings.iter().flat_map(|setting| ["--set", setting.as_str()]))
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .with_context(|| format!("starting {}", binary.display()))
}

fn log(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.log"))
}

impl Process {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Its id, to ask the operating system about it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What is wrong if it has ended; `None` while it runs.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(format!("causeway-{} ended ({status}):\n{}", self.name, self.tail()))
    }

    /// Ends it as a power cut would: nothing is flushed, nobody is told.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end as a supervisor does.
    pub(crate) fn terminate(&self) -> Result<()> {
        let pid = Pid::from_child(&self.child);
        rustix::process::kill_process(pid, Signal::TERM)?;
        Ok(())
    }

    /// How it ended, if it has.
    pub(crate) fn status(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Starts it again, on its ports, as the plan says.
    pub(crate) fn start_again(&mut self, plan: &Plan) -> Result<()> {
        self.child = spawn(self.name, plan, &self.fixed, &self.directory)?;
        Ok(())
    }

    pub(crate) fn tail(&self) -> String {
        let text = fs::read_to_string(log(&self.directory, self.name)).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- last lines of causeway-{}:", self.name);
            for line in self.tail().lines() {
                eprintln!("{}", shortened(line));
            }
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The beginning of a long line: when, how bad and what, without its spans. Beside five logs in full, the failure of the test itself
/// would not be found.
fn shortened(line: &str) -> &str {
    &line[..line.floor_char_boundary(SHOWN_BYTES)]
}

/// A binary of this workspace, from the target directory that this program itself came from: a test lies in
/// `target/<profile>/deps`, a program in `target/<profile>`.
fn binary(name: &str) -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let own = program.parent().context("a program lies in a directory")?;
    let profile = if own.ends_with("deps") { own.parent().unwrap_or(own) } else { own };
    let path = profile.join(name);
    ensure!(path.exists(), "{} is not built: `cargo build --bins` first", path.display());
    Ok(path)
}
