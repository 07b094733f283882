//! What a browser is called, in few words, by what it says of itself.
//!
//! Refuses nothing: it is only shown, to the person it belongs to. What is not known is shown as it is, cut short.

use crate::shorten::shorten;

/// The most characters of a name that is not known.
const LONGEST: usize = 60;

/// By the mark that only this browser has; those that claim to be others as well come first.
const BROWSERS: [(&str, &str); 22] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex Browser"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Ddg/", "DuckDuckGo"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Headless Chrome"),
    ("Chromium/", "Chromium"),
    ("Electron/", "An Electron application"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
    ("curl/", "curl"),
    ("Wget/", "Wget"),
    ("python-requests/", "Python"),
    ("Go-http-client/", "A Go program"),
    ("okhttp/", "An Android application"),
];

const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "an iPhone"),
    ("iPad", "an iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
    ("FreeBSD", "FreeBSD"),
];

/// `Firefox on Windows`, for what a browser says of itself.
pub(crate) fn browser_name(user_agent: Option<&str>) -> String {
    let Some(text) = user_agent.filter(|text| !text.trim().is_empty()) else {
        return "A browser without a name".to_owned();
    };
    let find =
        |names: &[(&str, &'static str)]| names.iter().find(|(mark, _)| text.contains(mark)).map(|(_, name)| *name);
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, _) => {
            let text = shorten(text);
            let mut name: String = text.chars().take(LONGEST).collect();
            if text.chars().count() > LONGEST {
                name.push('…');
            }
            name
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_browsers_are_called_by_name() {
        for (user_agent, name) in [
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Windows"),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
                "Safari on macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1",
                "Chrome on an iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
                "Samsung Internet on Android",
            ),
            ("Mozilla/5.0 (Android 14; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0", "Firefox on Android"),
            ("curl/8.5.0", "curl"),
        ] {
            assert_eq!(browser_name(Some(user_agent)), name);
        }
    }

    #[test]
    fn what_is_not_known_is_cut_and_kept_on_one_line() {
        assert_eq!(browser_name(None), "A browser without a name");
        assert_eq!(browser_name(Some("  ")), "A browser without a name");
        assert_eq!(browser_name(Some("my-robot\u{202e} 1\r\n")), "my-robot 1");
        let name = browser_name(Some(&"x".repeat(4000)));
        assert_eq!(name.chars().count(), LONGEST + 1);
    }
}
