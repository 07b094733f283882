//! Patterns that do not tell `a` from `A`: of ASCII letters alone, since to Unicode the Kelvin sign is a `k`.

use regex_syntax::ast::{
    Ast, ClassAsciiKind, ClassBracketed, ClassSet, ClassSetItem, ClassSetRange, ClassSetUnion, Flag, Flags,
    FlagsItemKind, Literal, LiteralKind, Span,
};

/// Writes every letter out in both cases, where `on` or a flag `i` of the pattern says so, and takes those flags away.
///
/// What stands for many characters by name (`\p{Lu}`, `\w`) stays what it is, but for `[:upper:]` and `[:lower:]`.
pub(super) fn fold(ast: &mut Ast, on: bool) {
    walk(ast, &mut { on });
}

/// A flag holds for the rest of its group, the branches behind it included.
fn walk(ast: &mut Ast, on: &mut bool) {
    match ast {
        Ast::Flags(set) => {
            take_flag(&mut set.flags, on);
            if set.flags.items.is_empty() {
                *ast = Ast::empty(set.span);
            }
        }
        Ast::Literal(literal) if *on => {
            if let Some(class) = both(literal) {
                *ast = Ast::class_bracketed(class);
            }
        }
        Ast::ClassBracketed(class) if *on => fold_set(&mut class.kind),
        Ast::Repetition(repetition) => walk(&mut repetition.ast, on),
        Ast::Group(group) => {
            let mut within = *on;
            if let regex_syntax::ast::GroupKind::NonCapturing(flags) = &mut group.kind {
                take_flag(flags, &mut within);
            }
            walk(&mut group.ast, &mut within);
        }
        Ast::Alternation(branches) => branches.asts.iter_mut().for_each(|ast| walk(ast, on)),
        Ast::Concat(parts) => parts.asts.iter_mut().for_each(|ast| walk(ast, on)),
        Ast::Empty(_)
        | Ast::Literal(_)
        | Ast::Dot(_)
        | Ast::Assertion(_)
        | Ast::ClassUnicode(_)
        | Ast::ClassPerl(_)
        | Ast::ClassBracketed(_) => {}
    }
}

fn take_flag(flags: &mut Flags, on: &mut bool) {
    if let Some(said) = flags.flag_state(Flag::CaseInsensitive) {
        *on = said;
    }
    flags.items.retain(|item| item.kind != FlagsItemKind::Flag(Flag::CaseInsensitive));
    // A `-` with nothing behind it is no flag.
    flags.items.pop_if(|last| last.kind == FlagsItemKind::Negation);
}

fn fold_set(set: &mut ClassSet) {
    match set {
        ClassSet::Item(item) => fold_item(item),
        ClassSet::BinaryOp(operation) => {
            fold_set(&mut operation.lhs);
            fold_set(&mut operation.rhs);
        }
    }
}

fn fold_item(item: &mut ClassSetItem) {
    match item {
        ClassSetItem::Literal(literal) => {
            if let Some(class) = both(literal) {
                *item = ClassSetItem::Bracketed(Box::new(class));
            }
        }
        ClassSetItem::Range(range) => {
            let (span, turned) = (range.span, turned(range));
            let mut items = vec![item.clone()];
            items.extend(turned.into_iter().flatten().map(ClassSetItem::Range));
            *item = ClassSetItem::Bracketed(Box::new(class(span, items)));
        }
        ClassSetItem::Ascii(named) => {
            if matches!(named.kind, ClassAsciiKind::Upper | ClassAsciiKind::Lower) {
                named.kind = ClassAsciiKind::Alpha;
            }
        }
        ClassSetItem::Bracketed(inner) => fold_set(&mut inner.kind),
        ClassSetItem::Union(union) => union.items.iter_mut().for_each(fold_item),
        ClassSetItem::Empty(_) | ClassSetItem::Unicode(_) | ClassSetItem::Perl(_) => {}
    }
}

/// A letter in both cases; none for what is no ASCII letter.
fn both(literal: &Literal) -> Option<ClassBracketed> {
    let turned = match literal.c {
        upper @ 'A'..='Z' => upper.to_ascii_lowercase(),
        lower @ 'a'..='z' => lower.to_ascii_uppercase(),
        _ => return None,
    };
    let items = vec![
        ClassSetItem::Literal(literal.clone()),
        ClassSetItem::Literal(Literal { span: literal.span, kind: LiteralKind::Verbatim, c: turned }),
    ];
    Some(class(literal.span, items))
}

/// The letters of a range in the other case.
fn turned(range: &ClassSetRange) -> [Option<ClassSetRange>; 2] {
    let of = |first: char, last: char, turn: fn(&char) -> char| {
        let (from, to) = (range.start.c.max(first), range.end.c.min(last));
        let end = |c: char| Literal { span: range.span, kind: LiteralKind::Verbatim, c: turn(&c) };
        (from <= to).then(|| ClassSetRange { span: range.span, start: end(from), end: end(to) })
    };
    [of('A', 'Z', char::to_ascii_lowercase), of('a', 'z', char::to_ascii_uppercase)]
}

fn class(span: Span, items: Vec<ClassSetItem>) -> ClassBracketed {
    let kind = ClassSet::Item(ClassSetItem::Union(ClassSetUnion { span, items }));
    ClassBracketed { span, negated: false, kind }
}
