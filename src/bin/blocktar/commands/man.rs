//! `man`: one page on standard output, or all of them in a folder.

use std::fs;
use std::path::Path;

use blocktar::error::{Error, Result};

use crate::arguments::ManArguments;
use crate::exit_code::ExitCode;
use crate::{answer, manual};

/// Runs the command.
pub fn run(arguments: &ManArguments) -> Result<ExitCode> {
    let date = manual::date()?;
    let pages = manual::pages(&date);
    if let Some(folder) = &arguments.folder {
        write(&pages, folder)?;
        return Ok(ExitCode::Done);
    }
    let name = manual::page_name(arguments.command.as_deref());
    let page = pages.iter().find(|page| page.name == name).expect("what was typed was checked to be a command");
    answer::print(page.text.as_bytes())?;
    Ok(ExitCode::Done)
}

fn write(pages: &[manual::Page], folder: &Path) -> Result<()> {
    let failed = |doing, path: &Path| {
        let what = path.display().to_string();
        move |cause| Error::io(doing, what, cause)
    };
    fs::create_dir_all(folder).map_err(failed("creating", folder))?;
    for page in pages {
        let path = folder.join(format!("{}.{}", page.name, manual::SECTION));
        fs::write(&path, &page.text).map_err(failed("writing", &path))?;
    }
    Ok(())
}
