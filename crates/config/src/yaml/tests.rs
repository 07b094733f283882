use super::*;
use crate::problem::Problems;

fn tree(text: &str) -> Option<Node> {
    parse(text, &Naming::File("x".into()), &mut Problems::default())
}

#[test]
fn words_know_where_they_stand() {
    let root = tree("a: 1\nbé:\n  - x: 'y'\n    z: [1, 2]\n").unwrap();
    let Content::Map(entries) = &root.content else { panic!("no map") };
    let Content::List(items) = &entries[1].value.content else { panic!("no list") };
    let Content::Map(inner) = &items[0].content else { panic!("no map") };
    let Content::List(numbers) = &inner[1].value.content else { panic!("no list") };
    let at = |node: &Node| node.place.to_string();
    assert_eq!(entries[1].place.to_string(), "x:2:1");
    assert_eq!(at(&items[0]), "x:3:5");
    assert_eq!(at(&inner[0].value), "x:3:8");
    assert_eq!(at(&numbers[1]), "x:4:12");
}

#[test]
fn scalars_stay_as_written() {
    let root = tree("[1.10, 0x10, yes, 'null', null, !!str null, \"a\\tb\"]").unwrap();
    let Content::List(items) = &root.content else { panic!("no list") };
    let texts: Vec<_> = items
        .iter()
        .map(|item| match &item.content {
            Content::Scalar(scalar) => scalar.text.as_str(),
            _ => "nothing",
        })
        .collect();
    assert_eq!(texts, ["1.10", "0x10", "yes", "null", "nothing", "null", "a\tb"]);
}

#[test]
fn keys_are_shown_only_as_far_as_they_are_names() {
    assert_eq!(shown("claim/a.b-c_d"), "claim/a.b-c_d");
    assert_eq!(shown("secret=hunter2"), "secret…");
    assert_eq!(shown("\u{1b}[31m"), "…");
    assert_eq!(shown(&"k".repeat(100)).chars().count(), 65);
}
