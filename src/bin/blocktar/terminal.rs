//! What the terminal of the answer can show.

use std::env;

use terminal_size::{Width, terminal_size_of};

const COLUMNS: usize = 80;
/// Beyond these a picture is no longer one, or the variable holds nonsense.
const COLUMNS_SOUND: std::ops::RangeInclusive<usize> = 32..=1000;

/// How many characters fit into a line: of the terminal, else as `COLUMNS` says, else 80.
pub fn columns() -> usize {
    let shown = terminal_size_of(std::io::stdout()).map(|(Width(columns), _)| usize::from(columns));
    columns_of(shown, env::var("COLUMNS").ok().as_deref())
}

fn columns_of(shown: Option<usize>, variable: Option<&str>) -> usize {
    let told = || variable.and_then(|text| text.trim().parse().ok());
    // A terminal that does not know its size says 0.
    let columns = shown.filter(|columns| *columns > 0).or_else(told).unwrap_or(COLUMNS);
    columns.clamp(*COLUMNS_SOUND.start(), *COLUMNS_SOUND.end())
}

/// Whether text may hold more than ASCII, by the variables that name the locale, in their order of precedence (locale(7)).
pub fn is_unicode() -> bool {
    is_unicode_locale(["LC_ALL", "LC_CTYPE", "LANG"].map(|name| env::var(name).ok()))
}

fn is_unicode_locale(variables: [Option<String>; 3]) -> bool {
    let locale = variables.into_iter().flatten().find(|locale| !locale.is_empty()).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminal_knows_its_width_best() {
        assert_eq!(columns_of(Some(132), Some("60")), 132);
        assert_eq!(columns_of(Some(0), Some("60")), 60);
        assert_eq!(columns_of(None, Some("60")), 60);
        for nonsense in [None, Some(""), Some("wide"), Some("-3")] {
            assert_eq!(columns_of(None, nonsense), 80);
        }
        assert_eq!((columns_of(None, Some("3")), columns_of(Some(60_000), None)), (32, 1000));
    }

    #[test]
    fn the_first_variable_that_says_anything_names_the_locale() {
        let locale = |texts: [&str; 3]| is_unicode_locale(texts.map(|text| Some(text.to_owned())));
        assert!(locale(["", "", "en_GB.UTF-8"]) && locale(["C.utf8", "C", "C"]));
        assert!(!locale(["C", "", "en_GB.UTF-8"]) && !locale(["", "POSIX", "en_GB.UTF-8"]) && !locale(["", "", ""]));
        assert!(!is_unicode_locale([None, None, None]));
    }
}
