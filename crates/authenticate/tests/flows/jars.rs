//! Browsers that do not keep cookies as they should, and walk wherever they are sent.

use std::collections::BTreeMap;

use cookie::Cookie;
use http::Request;

use crate::door::{Answer, Door};
use crate::provider::Provider;

const PAGE: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

/// What becomes of cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Jar {
    Honest,
    /// Cookies are blocked, or `Secure` ones are refused: all of ours are.
    DropsAll,
    DropsSession,
    /// Whatever comes with the answer that signs in is lost.
    DropsBothOfSession,
    DropsTrail,
    KeepsOnlyTheFirst,
    /// The first value of a name stays for ever, whatever is set or removed later.
    NeverUpdates,
    NeverRemoves,
    /// Values are cut to so many characters.
    Truncates(usize),
    /// A sibling's junk of our name comes before the real one, so often.
    TossedFirst(usize),
    /// A ticket of somebody else's Doorward comes before the real one.
    ForeignFirst,
    /// Every other request has no cookies.
    Forgetful,
}

impl Jar {
    pub(crate) const ALL: [Self; 14] = [
        Self::Honest,
        Self::DropsAll,
        Self::DropsSession,
        Self::DropsBothOfSession,
        Self::DropsTrail,
        Self::KeepsOnlyTheFirst,
        Self::NeverUpdates,
        Self::NeverRemoves,
        Self::Truncates(20),
        Self::Truncates(63),
        Self::TossedFirst(1),
        Self::TossedFirst(30),
        Self::ForeignFirst,
        Self::Forgetful,
    ];
}

/// A browser with such a jar.
pub(crate) struct Walker {
    jar: Jar,
    /// By host; a leading dot for cookies of a domain.
    cookies: BTreeMap<String, Vec<(String, String)>>,
    asked: usize,
}

impl Walker {
    pub(crate) fn new(jar: Jar) -> Self {
        Self { jar, cookies: BTreeMap::new(), asked: 0 }
    }

    /// From here on it keeps cookies as it should.
    pub(crate) fn mend(&mut self) {
        self.jar = Jar::Honest;
    }

    /// Goes where it is sent, by redirects and by pages that go on by themselves, until a page stays. Each request is
    /// answered by the next of the doors. Fails beyond so many answers of ours.
    pub(crate) async fn walk(&mut self, doors: &[&Door], provider: &Provider, url: &str, most: usize) -> Answer {
        let mut next = url.to_owned();
        let mut way = Vec::new();
        for hop in 0..most {
            let answer = self.open(doors[hop % doors.len()], &next).await;
            way.push(format!("{} {}", answer.status().as_u16(), answer.url.as_str().split('?').next().unwrap()));
            let location = if answer.status().is_redirection() {
                answer.location()
            } else {
                let text = answer.text();
                let Some(refresh) = text.split("content=\"0;url=").nth(1) else { return answer };
                let url = refresh.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
                answer.url.join(&url).unwrap()
            };
            next = match location.host_str() {
                Some("127.0.0.1") => provider.authorize(&location).into(),
                _ => location.into(),
            };
        }
        panic!("{:?} goes round in circles: {way:#?}", self.jar);
    }

    async fn open(&mut self, door: &Door, url: &str) -> Answer {
        let mut request = Request::get(url).header("accept", PAGE).body(String::new()).unwrap();
        let host = request.uri().host().unwrap().to_owned();
        self.asked += 1;
        let sent = self.sent_to(&host);
        if !sent.is_empty() && !(self.jar == Jar::Forgetful && self.asked.is_multiple_of(2)) {
            request.headers_mut().insert("cookie", sent.join("; ").parse().unwrap());
        }
        let answer = door.request(request).await;
        self.keep(&host, &answer);
        answer
    }

    fn sent_to(&self, host: &str) -> Vec<String> {
        let foreign = "A".repeat(64);
        let tossed = |name: &str| match self.jar {
            Jar::TossedFirst(times) => (0..times).map(|number| format!("{name}=junk{number}")).collect(),
            Jar::ForeignFirst => vec![format!("{name}={foreign}")],
            _ => Vec::new(),
        };
        // No sibling can set the one, every sibling can set the other.
        let mut sent = tossed("__Secure-doorward");
        let fits = |of: &str| of == host || of.strip_prefix('.').is_some_and(|domain| host.ends_with(domain));
        for (_, cookies) in self.cookies.iter().filter(|(of, _)| fits(of)) {
            sent.extend(cookies.iter().map(|(name, value)| format!("{name}={value}")));
        }
        sent
    }

    fn keep(&mut self, host: &str, answer: &Answer) {
        let lines = answer.set_cookies();
        let signs_in = lines.iter().any(|line| is_session(line.split('=').next().unwrap()));
        let kept = if self.jar == Jar::KeepsOnlyTheFirst { 1 } else { usize::MAX };
        for line in lines.into_iter().take(kept) {
            let cookie = Cookie::parse(line).unwrap();
            let (name, mut value) = (cookie.name().to_owned(), cookie.value().to_owned());
            let of = cookie.domain().map_or_else(|| host.to_owned(), |domain| format!(".{domain}"));
            let cookies = self.cookies.entry(of).or_default();
            let there = cookies.iter().position(|(other, _)| *other == name);
            let removes = cookie.max_age().is_some_and(cookie::time::Duration::is_zero);
            match self.jar {
                Jar::DropsAll => continue,
                Jar::DropsSession if is_session(&name) => continue,
                Jar::DropsBothOfSession if signs_in => continue,
                Jar::DropsTrail if name.ends_with("-trail") => continue,
                Jar::NeverUpdates if there.is_some() => continue,
                Jar::NeverRemoves if removes => continue,
                Jar::Truncates(length) => value.truncate(length),
                _ => {}
            }
            if let Some(index) = there {
                cookies.remove(index);
            }
            if !removes {
                cookies.push((name, value));
            }
        }
    }
}

fn is_session(name: &str) -> bool {
    matches!(name, "__Host-doorward" | "__Secure-doorward")
}
