//! How much memory this process may still take.

use std::fs;
use std::path::{Path, PathBuf};

/// So many bytes can be had without swapping, by the kernel's estimate (proc(5), `MemAvailable`) and by the control groups in which this process is; `None` where nobody tells.
pub fn available_bytes() -> Option<u64> {
    available_in(Path::new("/"))
}

fn available_in(root: &Path) -> Option<u64> {
    let machine = number_behind(&root.join("proc/meminfo"), "MemAvailable:").map(|kib| kib.saturating_mul(1024));
    let groups = memory_groups(root).into_iter().filter_map(|(folder, files)| left_in(&folder, files));
    machine.into_iter().chain(groups).min()
}

/// The names under which a control group tells its limit, what is used, and what of that is cache that can go at once.
#[derive(Clone, Copy)]
struct Files {
    limit: &'static str,
    used: &'static str,
    cache: &'static str,
}

const VERSION_1: Files =
    Files { limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes", cache: "total_inactive_file" };
const VERSION_2: Files = Files { limit: "memory.max", used: "memory.current", cache: "inactive_file" };

/// The folders of the control groups that count this process's memory: its own and all above it (cgroups(7), `/proc/[pid]/cgroup`).
fn memory_groups(root: &Path) -> Vec<(PathBuf, Files)> {
    let lines = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let mut groups = Vec::new();
    for line in lines.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (mount, files) = match controllers {
            "" => ("sys/fs/cgroup", VERSION_2),
            _ if controllers.split(',').any(|name| name == "memory") => ("sys/fs/cgroup/memory", VERSION_1),
            _ => continue,
        };
        let path = Path::new(path.trim_start_matches('/'));
        groups.extend(path.ancestors().map(|group| (root.join(mount).join(group), files)));
    }
    groups
}

/// What a control group may still take; `None` where it has no limit, or is not to be seen from here.
fn left_in(folder: &Path, files: Files) -> Option<u64> {
    let number = |name| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
    let limit: u64 = number(files.limit)?;
    let cache = number_behind(&folder.join("memory.stat"), files.cache).unwrap_or(0);
    Some(limit.saturating_sub(number(files.used)?.saturating_sub(cache)))
}

/// The number behind the first word of a line that begins with this one.
fn number_behind(path: &Path, word: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let mut words =
        text.lines().map(str::split_whitespace).find_map(|mut words| (words.next() == Some(word)).then_some(words))?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal:  8000 kB\nMemFree: 10 kB\nMemAvailable:    5000 kB\n");

    #[test]
    fn this_machine_tells() {
        assert!(available_bytes().is_some_and(|bytes| bytes > 1 << 20));
    }

    #[test]
    fn a_machine_without_limits_gives_what_the_kernel_estimates() {
        assert_eq!(available_in(written(&[MEMINFO]).path()), Some(5000 << 10));
        assert_eq!(available_in(written(&[]).path()), None);
        let unlimited = [MEMINFO, ("proc/self/cgroup", "0::/a\n"), ("sys/fs/cgroup/a/memory.max", "max\n")];
        assert_eq!(available_in(written(&unlimited).path()), Some(5000 << 10));
    }

    #[test]
    fn a_control_group_gives_what_is_left_in_it_and_in_those_above() {
        let files = [
            MEMINFO,
            ("proc/self/cgroup", "12:cpu:/x\n0::/a/b\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/memory.max", "1000000\n"),
            ("sys/fs/cgroup/a/memory.current", "900000\n"),
            ("sys/fs/cgroup/a/memory.stat", "anon 5\ninactive_file 300000\n"),
        ];
        assert_eq!(available_in(written(&files).path()), Some(400_000));
        let files = [
            MEMINFO,
            ("proc/self/cgroup", "7:cpu,memory:/c\n"),
            ("sys/fs/cgroup/memory/c/memory.limit_in_bytes", "1000\n"),
            ("sys/fs/cgroup/memory/c/memory.usage_in_bytes", "2000\n"),
        ];
        assert_eq!(available_in(written(&files).path()), Some(0));
    }
}
