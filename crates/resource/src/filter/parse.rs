//! From the text of a filter to terms.

use names::Reason;
use prost_reflect::MessageDescriptor;

use super::{
    term::Term,
    value::{Comparator, Restriction},
};

/// Deepest nesting of parentheses and negations; more is no filter that a person wrote.
const MAX_DEPTH: usize = 16;

type Refused = (Reason, String);

/// Reads a whole filter.
pub(super) fn terms(text: &str, message: &MessageDescriptor) -> Result<Term, Refused> {
    let mut parser = Parser { tokens: tokens(text)?, next: 0, message };
    let term = parser.expression(0)?;
    match parser.peek() {
        None => Ok(term),
        Some(token) => Err(parser.unexpected(&token.clone())),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A word: a field's path, a number, a bare value; with the place where it begins, in bytes.
    Word(String, usize),
    /// A quoted text.
    Text(String, usize),
    Compare(Comparator, usize),
    Open(usize),
    Close(usize),
    Minus(usize),
}

impl Token {
    fn place(&self) -> usize {
        match self {
            Self::Word(_, at) | Self::Text(_, at) | Self::Compare(_, at) => *at,
            Self::Open(at) | Self::Close(at) | Self::Minus(at) => *at,
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, Refused> {
    let mut found = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some(&(at, char)) = rest.peek() {
        let followed_by_equals = text[at + char.len_utf8()..].starts_with('=');
        let (token, length) = match char {
            _ if char.is_whitespace() => {
                rest.next();
                continue;
            }
            '(' => (Token::Open(at), 1),
            ')' => (Token::Close(at), 1),
            ':' => (Token::Compare(Comparator::Has, at), 1),
            '=' => (Token::Compare(Comparator::Equal, at), 1),
            '!' if followed_by_equals => (Token::Compare(Comparator::NotEqual, at), 2),
            '<' if followed_by_equals => (Token::Compare(Comparator::AtMost, at), 2),
            '>' if followed_by_equals => (Token::Compare(Comparator::AtLeast, at), 2),
            '<' => (Token::Compare(Comparator::Less, at), 1),
            '>' => (Token::Compare(Comparator::More, at), 1),
            '"' | '\'' => {
                rest.next();
                found.push(Token::Text(quoted(&mut rest, char, at)?, at));
                continue;
            }
            '-' if text[at + 1..].starts_with(|next: char| next.is_alphabetic() || next == '(') => {
                (Token::Minus(at), 1)
            }
            _ if is_word(char) => {
                let word: String = text[at..].chars().take_while(|next| is_word(*next)).collect();
                let length = word.chars().count();
                (Token::Word(word, at), length)
            }
            _ => {
                let fix = format!("`{char}` at byte {at} means nothing here; put texts in quotes");
                return Err((Reason::Malformed, fix));
            }
        };
        found.push(token);
        rest.by_ref().take(length).for_each(drop);
    }
    Ok(found)
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '.' | '-' | '/' | '*' | '+')
}

fn quoted(
    rest: &mut std::iter::Peekable<std::str::CharIndices<'_>>,
    quote: char,
    at: usize,
) -> Result<String, Refused> {
    let mut text = String::new();
    while let Some((_, char)) = rest.next() {
        match char {
            '\\' => text.extend(rest.next().map(|(_, escaped)| escaped)),
            _ if char == quote => return Ok(text),
            _ => text.push(char),
        }
    }
    Err((Reason::Malformed, format!("the quote at byte {at} is not closed")))
}

struct Parser<'a> {
    tokens: Vec<Token>,
    next: usize,
    message: &'a MessageDescriptor,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.next += 1;
        token
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(word, _)) if word == keyword)
    }

    fn unexpected(&self, token: &Token) -> Refused {
        let fix = format!("what begins at byte {} is not expected there", token.place());
        (Reason::Malformed, fix)
    }

    /// Sequences joined by AND, or by nothing.
    fn expression(&mut self, depth: usize) -> Result<Term, Refused> {
        if depth > MAX_DEPTH {
            let fix = format!("at most {MAX_DEPTH} levels of parentheses and negations");
            return Err((Reason::TooLarge, fix));
        }
        let mut all = vec![self.factor(depth)?];
        loop {
            if self.is_keyword("AND") {
                self.next += 1;
            } else if matches!(self.peek(), None | Some(Token::Close(_))) {
                break;
            }
            all.push(self.factor(depth)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Term::All(all) })
    }

    /// Terms joined by OR, which binds tighter than AND (AIP-160).
    fn factor(&mut self, depth: usize) -> Result<Term, Refused> {
        let mut any = vec![self.term(depth)?];
        while self.is_keyword("OR") {
            self.next += 1;
            any.push(self.term(depth)?);
        }
        Ok(if any.len() == 1 { any.remove(0) } else { Term::Any(any) })
    }

    fn term(&mut self, depth: usize) -> Result<Term, Refused> {
        if self.is_keyword("NOT") || matches!(self.peek(), Some(Token::Minus(_))) {
            self.next += 1;
            return Ok(Term::Not(Box::new(self.simple(depth + 1)?)));
        }
        self.simple(depth)
    }

    fn simple(&mut self, depth: usize) -> Result<Term, Refused> {
        match self.take() {
            Some(Token::Open(at)) => {
                let term = self.expression(depth + 1)?;
                match self.take() {
                    Some(Token::Close(_)) => Ok(term),
                    _ => {
                        let fix = format!("the parenthesis at byte {at} is not closed");
                        Err((Reason::Malformed, fix))
                    }
                }
            }
            Some(Token::Word(path, at)) => self.restriction(&path, at),
            Some(token) => Err(self.unexpected(&token)),
            None => Err((Reason::Malformed, "it ends where a comparison is expected".to_owned())),
        }
    }

    fn restriction(&mut self, path: &str, at: usize) -> Result<Term, Refused> {
        let Some(Token::Compare(comparator, _)) = self.take() else {
            let fix = format!(
                "`{path}` at byte {at} needs a comparison, for example `display_name = \"Berlin\"`"
            );
            return Err((Reason::Malformed, fix));
        };
        let value = match self.take() {
            Some(Token::Word(value, _) | Token::Text(value, _)) => value,
            _ => {
                let fix = format!("`{path}` at byte {at} is compared with nothing");
                return Err((Reason::Malformed, fix));
            }
        };
        Restriction::new(self.message, path, comparator, &value).map(Term::Is)
    }
}
