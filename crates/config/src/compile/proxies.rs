//! What stands before us, and what is believed of it.
//!
//! Refuses: the PROXY protocol from whoever connects, and more hops than are ever followed.

use doorward_authorize::Networks;
use doorward_hygiene::MOST_HOPS;

use super::Compiler;
use crate::domain::proxies::Proxies;
use crate::raw::At;
use crate::raw::proxies::RawProxies;

const EXAMPLE: &str = "Write an address or a network, as in `10.0.0.7`, `10.0.0.0/8` or `2001:db8::/32`.";

impl Compiler<'_> {
    pub(super) fn proxies(&mut self, raw: &RawProxies) -> Proxies {
        let is_set = |flag: &Option<At<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
        let listed = raw.trusted_proxies.as_ref();
        let trusted = self.trusted(listed.map_or(&[], |list| &list.value));
        // One that was written and is wrong has been complained of already.
        let nobody = listed.is_none_or(|list| list.value.is_empty());
        if let Some(flag) = raw.use_proxy_protocol.as_ref().filter(|flag| flag.value && nobody) {
            self.problems.error(
                &flag.place,
                "`use_proxy_protocol` has whoever connects say where a visitor comes from, and nothing says who may",
                "List the addresses that your load balancers connect from: `trusted_proxies: [10.0.0.0/8]`.",
            );
        }
        let hops = raw.xff_num_trusted_hops.as_ref().and_then(|hops| self.hops(hops, nobody));
        Proxies { trusted, protocol: is_set(&raw.use_proxy_protocol), hops, skip_append: is_set(&raw.skip_xff_append) }
    }

    fn trusted(&mut self, texts: &[At<String>]) -> Networks {
        let mut networks = Vec::with_capacity(texts.len());
        for text in texts {
            let Some(network) = Networks::parse_one(text.value.trim()) else {
                let what = "an item of `trusted_proxies` is neither an address nor a network";
                self.problems.error(&text.place, what, EXAMPLE);
                continue;
            };
            let begins = network.trunc();
            if begins != network {
                self.problems.warning(
                    &text.place,
                    format!("`{network}` is an address within a network; all of `{begins}` is trusted"),
                    format!("Write `{begins}`, or `{}` for that address alone.", network.addr()),
                );
            }
            if network.prefix_len() == 0 {
                self.problems.warning(
                    &text.place,
                    format!("`{begins}` is everybody, so visitors choose the address that they are taken to come from"),
                    "List only the addresses that your proxies connect from.",
                );
            }
            networks.push(network);
        }
        Networks::new(networks)
    }

    fn hops(&mut self, hops: &At<u16>, nobody_is_listed: bool) -> Option<u16> {
        if usize::from(hops.value) > MOST_HOPS {
            self.problems.error(
                &hops.place,
                format!("`xff_num_trusted_hops` is more than {MOST_HOPS}, and no more are followed"),
                "Write how many proxies there are between the visitors and Doorward.",
            );
            return None;
        }
        if hops.value > 0 && nobody_is_listed {
            self.problems.hint(
                &hops.place,
                "with `xff_num_trusted_hops` alone, whoever reaches Doorward without passing your proxies chooses the \
                 address that they are taken to come from",
                "List the proxies' addresses as well: `trusted_proxies: [10.0.0.0/8]`.",
            );
        }
        // None at all is what holds with nobody listed; with a list it would make the list be of no use.
        (hops.value > 0).then_some(hops.value)
    }
}
