//! Shows how far an operation has come: a bar for people, JSON lines for programs.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use blocktar::progress::{Progress, Snapshot};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use crate::arguments::ProgressChoice;
use crate::sizes;
use crate::talk::Talk;

const BAR_INTERVAL: Duration = Duration::from_millis(200);
const JSON_INTERVAL: Duration = Duration::from_secs(1);
/// The shown rate follows changes within about this time.
const RATE_SECONDS: f64 = 3.0;

/// A thread that watches an operation until this is dropped.
#[derive(Debug)]
pub struct ProgressLine {
    // Dropping the sender tells the thread to stop.
    running: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ProgressLine {
    /// Begins to show the progress of this operation, if it is to be shown.
    pub fn start(choice: ProgressChoice, talk: Talk, operation: &'static str, progress: &Arc<Progress>) -> Self {
        let progress = Arc::clone(progress);
        let (running, stopped) = mpsc::channel();
        let show: Box<dyn FnOnce() + Send> = match resolve(choice, talk, io::stderr().is_terminal()) {
            ProgressChoice::Bar => Box::new(move || show_bar(operation, &progress, &stopped)),
            ProgressChoice::Json => Box::new(move || show_json(operation, &progress, &stopped)),
            ProgressChoice::Auto | ProgressChoice::None => return Self { running: None, thread: None },
        };
        // An operation whose progress cannot be shown is none the worse.
        let thread = thread::Builder::new().name("progress".to_owned()).spawn(show).ok();
        Self { running: Some(running), thread }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.running = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What `auto` means here.
fn resolve(choice: ProgressChoice, talk: Talk, on_terminal: bool) -> ProgressChoice {
    match choice {
        ProgressChoice::Auto if on_terminal && talk > Talk::Quiet => ProgressChoice::Bar,
        ProgressChoice::Auto => ProgressChoice::None,
        chosen => chosen,
    }
}

fn show_bar(operation: &'static str, progress: &Progress, stopped: &mpsc::Receiver<()>) {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(5));
    bar.set_style(style(&Snapshot::default()));
    bar.set_prefix(operation);
    let mut rate = Rate::begin();
    while stopped.recv_timeout(BAR_INTERVAL) == Err(RecvTimeoutError::Timeout) {
        if progress.is_asking() {
            continue;
        }
        let now = progress.snapshot();
        rate.note(now.data_bytes + now.bad_bytes);
        let begins = bar.length() != Some(now.total_bytes) || bar.position() == 0;
        // The position comes before the style that tells the rest by it: each of these lines may be what is drawn.
        bar.set_position(now.done_bytes);
        if begins {
            bar.set_length(now.total_bytes);
            bar.set_style(style(&now));
        }
        bar.set_message(message(&now, rate.bytes_per_second));
    }
    bar.finish_and_clear();
}

/// What is most worth knowing comes first; the bar takes what is left of the line.
const TEMPLATE: &str = "{prefix} {percent:>3}% {msg}, {eta} left [{wide_bar}]";
/// The same before there is anything by which to tell how long the rest takes.
const TEMPLATE_AT_FIRST: &str = "{prefix} {percent:>3}% {msg} [{wide_bar}]";
const TEMPLATE_WITHOUT_TOTAL: &str = "{prefix} {spinner} {wide_msg} {elapsed}";

fn template(now: &Snapshot) -> &'static str {
    match (now.total_bytes, now.done_bytes) {
        (0, _) => TEMPLATE_WITHOUT_TOTAL,
        (_, 0) => TEMPLATE_AT_FIRST,
        _ => TEMPLATE,
    }
}

fn style(now: &Snapshot) -> ProgressStyle {
    ProgressStyle::with_template(template(now)).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

fn message(now: &Snapshot, bytes_per_second: f64) -> String {
    let (data, zeros) = (sizes::short(now.data_bytes), sizes::short(now.zero_bytes));
    let mut text = format!("{data}, {}, zeros {zeros}", sizes::rate(bytes_per_second as u64, 1.0));
    if let Some(ratio) = ratio(now.data_bytes, now.stored_bytes) {
        text += &format!(", ratio {ratio:.2}");
    }
    if now.bad_bytes > 0 {
        text += &format!(", {} BAD", sizes::short(now.bad_bytes));
    }
    text
}

/// How many times larger the data is than what it takes in the archive.
pub fn ratio(data_bytes: u64, stored_bytes: u64) -> Option<f64> {
    (data_bytes > 0 && stored_bytes > 0).then(|| data_bytes as f64 / stored_bytes as f64)
}

fn show_json(operation: &'static str, progress: &Progress, stopped: &mpsc::Receiver<()>) {
    let begun = Instant::now();
    let mut rate = Rate::begin();
    loop {
        let last = stopped.recv_timeout(JSON_INTERVAL) != Err(RecvTimeoutError::Timeout);
        let now = progress.snapshot();
        rate.note(now.data_bytes + now.bad_bytes);
        let line = json_line(operation, &now, begun.elapsed().as_secs_f64(), rate.bytes_per_second, last);
        // Whoever closed standard error does not want to know.
        let _ = writeln!(io::stderr().lock(), "{line}");
        if last {
            return;
        }
    }
}

fn json_line(operation: &str, now: &Snapshot, elapsed_seconds: f64, bytes_per_second: f64, last: bool) -> Value {
    let left_bytes = now.total_bytes.saturating_sub(now.done_bytes);
    let remaining = (now.done_bytes > 0 && now.total_bytes > 0)
        .then(|| (elapsed_seconds * left_bytes as f64 / now.done_bytes as f64).round() as u64);
    json!({
        "progress": operation,
        "elapsed_seconds": milliseconds(elapsed_seconds),
        "remaining_seconds": remaining,
        "total_bytes": now.total_bytes,
        "done_bytes": now.done_bytes,
        "data_bytes": now.data_bytes,
        "zero_bytes": now.zero_bytes,
        "bad_bytes": now.bad_bytes,
        "stored_bytes": now.stored_bytes,
        "bytes_per_second": bytes_per_second as u64,
        "last": last,
    })
}

/// Seconds with no more digits than anybody needs.
pub fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// A rate that forgets what is long past.
struct Rate {
    noted: Instant,
    bytes: u64,
    bytes_per_second: f64,
    first: bool,
}

impl Rate {
    fn begin() -> Self {
        Self { noted: Instant::now(), bytes: 0, bytes_per_second: 0.0, first: true }
    }

    fn note(&mut self, bytes: u64) {
        let seconds = self.noted.elapsed().as_secs_f64();
        self.add(bytes, seconds);
        self.noted = Instant::now();
    }

    fn add(&mut self, bytes: u64, seconds: f64) {
        let latest = bytes.saturating_sub(self.bytes) as f64 / seconds.max(0.001);
        let weight = if std::mem::take(&mut self.first) { 1.0 } else { 1.0 - (-seconds / RATE_SECONDS).exp() };
        self.bytes_per_second += weight * (latest - self.bytes_per_second);
        self.bytes = bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_is_a_bar_only_for_people() {
        let on = |terminal, talk| resolve(ProgressChoice::Auto, talk, terminal);
        assert_eq!(on(true, Talk::Normal), ProgressChoice::Bar);
        assert_eq!(on(false, Talk::Verbose), ProgressChoice::None);
        assert_eq!(on(true, Talk::Quiet), ProgressChoice::None);
        assert_eq!(resolve(ProgressChoice::Json, Talk::Quiet, false), ProgressChoice::Json);
    }

    #[test]
    fn the_rate_follows_the_last_seconds() {
        let mut rate = Rate::begin();
        rate.add(100, 1.0);
        assert_eq!(rate.bytes_per_second, 100.0);
        for second in 1..=30 {
            rate.add(100 + second * 1000, 1.0);
        }
        assert!((990.0..1000.0).contains(&rate.bytes_per_second), "{}", rate.bytes_per_second);
    }

    #[test]
    fn a_json_line_estimates_what_remains_once_it_can() {
        let now = Snapshot { total_bytes: 400, done_bytes: 100, data_bytes: 100, ..Snapshot::default() };
        assert_eq!(json_line("backup", &now, 2.0, 50.0, false)["remaining_seconds"], 6);
        assert_eq!(json_line("backup", &Snapshot::default(), 2.0, 0.0, true)["remaining_seconds"], Value::Null);
    }

    #[test]
    fn nothing_is_said_of_a_rest_that_is_not_known() {
        let at = |total_bytes, done_bytes| template(&Snapshot { total_bytes, done_bytes, ..Snapshot::default() });
        assert!(!at(0, 0).contains("left") && !at(400, 0).contains("left"));
        assert!(at(400, 1).contains("{eta} left") && at(400, 0).contains("{percent"));
    }

    #[test]
    fn templates_are_valid() {
        for template in [TEMPLATE, TEMPLATE_AT_FIRST, TEMPLATE_WITHOUT_TOTAL] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn the_thread_ends_when_it_is_dropped() {
        let progress = Arc::new(Progress::default());
        drop(ProgressLine::start(ProgressChoice::Json, Talk::Quiet, "test", &progress));
        assert_eq!(Arc::strong_count(&progress), 1);
    }
}
