//! What a man page says beyond the help: how a command behaves, and what it never does.

/// The paragraphs of a command's description, or of blocktar's own; none for a command that is not known here.
pub fn of(command: Option<&str>) -> &'static [&'static str] {
    match command {
        None => BLOCKTAR,
        Some("backup") => BACKUP,
        Some("restore") => RESTORE,
        Some("list") => LIST,
        Some("info") => INFO,
        Some("verify") => VERIFY,
        Some("compare") => COMPARE,
        Some("extract") => EXTRACT,
        Some("recompress") => RECOMPRESS,
        Some("merge") => MERGE,
        Some("salvage") => SALVAGE,
        Some("reblock") => REBLOCK,
        Some("tape") => TAPE,
        Some("completions") => COMPLETIONS,
        Some("man") => MAN,
        Some(_) => &[],
    }
}

const BLOCKTAR: &[&str] = &[
    "blocktar writes a block device or disk image (an LVM volume or snapshot, the disk of a virtual machine) as one tar stream into a \
     file or pipe, and restores it byte for byte. It reads only what is used, leaves out zeros, proves every range with a digest, and \
     needs neither temporary space nor a medium that can seek.",
    "A restore that reports success has put back exactly the bytes that were read. An archive that was cut, changed or mixed up is \
     refused. A backup that failed or was interrupted can never look complete.",
    "Every archive carries RESTORE.txt, the recipe by which tar, zstd and dd restore it without blocktar.",
    "Standard output carries only the archive or the answer, standard error the talk. In a script, use `set -o pipefail`: else the shell \
     reports only the exit code of the last command of a pipe.",
    "Digests guard against accidents, not against forgers: encrypt and authenticate what leaves your hands.",
];

const BACKUP: &[&str] = &[
    "Reads a block device or disk image from its beginning to its end and writes one archive, to standard output unless --output names \
     a file. Holes and ranges of zeros are recorded, not stored.",
    "Take a snapshot first, or stop what writes to the device: the archive holds what was read. A source that is mounted, or that \
     changes while it is read, is warned of.",
    "An output file gets its name only when the archive is complete and synced to disk; an interrupted backup leaves none. Into a pipe, an \
     interrupted backup is an archive without its end member, which every command calls incomplete.",
    "A range that cannot be read fails the backup. With --keep-going it is recorded as bad: a restore leaves that range as it is, and \
     backup, list, verify and restore all end with exit status 8.",
];

const RESTORE: &[&str] = &[
    "Reads an archive once, from standard input unless --input names a file, and writes what it holds onto a block device or into a new \
     sparse image. Every byte is checked against its digest before it is written.",
    "The target must be large enough, not mounted, not in use, and not the archive itself. A device that holds a file system, a \
     partition table or another known signature, or an image that exists, is written over only with --overwrite. --dry-run prints what \
     would be done and changes nothing.",
    "Nothing half-done looks whole: a new image gets its name when it is complete and synced; on a device the first MiB is made zero \
     first and written last, after all else was synced.",
    "Of a chain, --input names the full and all increments, in any order: each increment names the state on which it builds, and nothing else \
     decides what follows what. A chain with a gap, a stranger or two heads is refused before anything is written, with exit status 7. From \
     files nothing is read that a newer archive overrides; pipes are applied oldest first. --until ends the chain earlier.",
    "With --onto-parent increments alone are restored, where the state is on which they build. The samples that they recorded are held \
     against the target first; with --check-parent all of the parent is. The device's first MiB is then written like all else: what was interrupted can \
     be run again.",
    "With --only it writes nothing but the byte ranges that a file lists, as blocktar-salvage(1) makes one, into a device or image that exists. Of a \
     file only these ranges are read. Ranges that the archive does not hold either are named, and the exit status is 8.",
    "What the archive calls zero is made zero, unless --target-is-zero gives your word that it reads so already. What lies beyond the end \
     of the restored device stays as it was, and you are told.",
];

const TAPE: &[&str] = &[
    "`tape status` prints what a tape drive tells of itself and its cartridge: label, position, block mode, write protection, the \
     cartridge's generation, and whether the drive compresses or encrypts. The tape is left where it stood.",
    "`tape label` writes a label as the first tape file of a cartridge. Each backup that is written behind it names the cartridge. A \
     cartridge that holds anything is labelled only with --overwrite, which names what is lost; one that is write-protected never is.",
];

const LIST: &[&str] = &[
    "Of a tape drive, every tape file of the cartridge has its line: backups, parts of one, the label, and what other programs wrote. Each \
     is told by its first and last records, with two or three positionings, and the tape is put back where it stood.",
    "Prints a table with one line for each archive: its id, name, time, kind, source, sizes, and whether it is complete. Of a file only \
     the head and the tail are read; of a pipe everything.",
    "Where one builds on another, a last column says on which: the file that leaves the state that it needs, or the id of one that is not \
     among them.",
    "In a folder, files that are no archives are passed over and counted. A file called .tar that is empty or damaged has its line too, \
     and what a killed backup left behind is named.",
    "The exit status is the worst that was found: 4 if an archive is incomplete, 5 if one is damaged, 8 if one has bad ranges. That an \
     archive is complete does not say that all its bytes are sound: blocktar-verify(1) does.",
];

const INFO: &[&str] = &[
    "Prints what one archive says of itself: what was backed up, when, from where, with which digests, sizes, notes and attached files. \
     Below stands a picture of the device, much data to little, zeros, and what is bad, unchanged or missing; and how many extents, members \
     and bytes the map plans.",
    "It reads no data, except from a pipe. Of an archive that was cut it tells what is there; the exit status is then that of \
     blocktar-list(1). With --extents it prints the map instead, one line for each extent.",
    "With --attached it writes one attached file, such as the definition of a virtual machine, to standard output.",
];

const VERIFY: &[&str] = &[
    "Reads every byte of an archive and trusts nothing: headers, sizes, digests, the index, the end member and their agreement. If \
     something is wrong it says what, and which ranges of the device cannot be trusted because of it.",
    "It needs no target and writes nothing. A pipe is as good as a file.",
];

const COMPARE: &[&str] = &[
    "Reads an archive and a block device or disk image once each, and says in which ranges they differ, zeros included. Neither is written \
     to.",
    "The exit status is 0 if they are the same and 1 if not. A range that could not be read when the backup was made is not compared: it is \
     named, and the exit status is 8 unless another range differs. What an increment leaves to its parent is not compared either.",
];

const EXTRACT: &[&str] = &[
    "Writes bytes of the device that was backed up to standard output, as they were: the whole device, or the range that --offset and \
     --length give.",
    "A range that the archive cannot give whole is refused, with what is missing: one that an increment leaves to its parent, or that \
     could not be read when the backup was made.",
];

const RECOMPRESS: &[&str] = &[
    "Writes an archive anew, with another compression, digest, member size or record size. Every byte of the old one is verified on the \
     way.",
    "The new archive is one of its own, with the same state: it restores the same image, and increments of the old one build on it too.",
];

const MERGE: &[&str] = &[
    "Makes one archive of a full and the increments on it, or of increments that follow each other. It leaves the state of the newest, with the \
     newest one's name, time, notes and attached files: increments on that one, made before or after, build on the merged one as well.",
    "All archives are read at once, each from front to back, and every byte of them is verified, also what a newer one overrides: they must be files \
     or other inputs that can be read here and there. Nothing is decompressed and compressed again but where a newer archive overrides a member in \
     part; then all between two multiples of the extent limit is packed anew, so that an archive does not crumble however often it is merged.",
    "A chain with a gap, a stranger or two heads is refused before anything is written, with exit status 7. What could not be read for the newest \
     archive is bad in the merged one, too: what an older one holds there is of an older state. The exit status is then 8.",
];

const SALVAGE: &[&str] = &[
    "Reads an archive however damaged, once, from its beginning to its end, and writes everything that is certain all the same: members whose \
     digests are right, and the zeros between them that the map, the index or their order proves. It needs neither the head nor the map, the \
     index or the end.",
    "What is not certain is not written. Its byte ranges go into the file that --lost names, in the shape of the map; blocktar-restore(1) \
     brings exactly these from another copy with --only. A file or disk that cannot be read in places is read on behind them.",
    "A new image is named although it is not whole, which is the point. A device, or with --overwrite an image that exists, is written in place: \
     what is lost, and what an increment leaves unchanged, keeps what it held.",
    "The exit status is 0 if nothing was lost and 8 if something was, ranges included that could not be read when the backup was made.",
];

const REBLOCK: &[&str] = &[
    "Writes an archive that comes from a pipe, a file or a tape elsewhere as it is: with its id, digest and state, and each member's stored bytes \
     as they are. On a tape all records are full, however small the pieces in which a pipe brings it.",
    "Every byte is verified on the way. Where anything is wrong, what is written has no end member, so that every command calls it incomplete.",
    "With --buffer, and without a word in front of a tape drive, it holds back what comes until nine tenths of the buffer are filled, and then writes until the \
     buffer is empty: a drive that runs dry must stop and go back, which takes seconds and wears the tape. At the end it says how often that happened, and \
     which buffer would have been enough.",
];

const COMPLETIONS: &[&str] = &[
    "Prints a script for bash, zsh or fish that completes commands, options, the values of options, and the names of files. The Debian \
     package installs all three.",
];

const MAN: &[&str] = &[
    "Prints the man page of blocktar, or of one of its commands, in the language of man(7); or writes all pages into a folder, which is \
     made if it is missing. The Debian package installs them.",
];
