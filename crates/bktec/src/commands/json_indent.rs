//! Indents JSON text and keeps the order of keys and the notation of numbers. Pure.
//!
//! Parsing into values would lose both, so this changes only whitespace outside strings.

/// Two spaces per level. Invalid JSON gives unspecified but readable text.
pub(super) fn indented(text: &str) -> String {
    let mut output = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    // An empty `{}` or `[]` stays on one line.
    let mut just_opened = false;
    for character in text.chars() {
        if in_string {
            output.push(character);
            if escaped {
                escaped = false;
            } else if character == '\\' {
                escaped = true;
            } else if character == '"' {
                in_string = false;
            }
            continue;
        }
        if character.is_ascii_whitespace() {
            continue;
        }
        let closes = matches!(character, '}' | ']');
        if just_opened && !closes {
            new_line(&mut output, depth);
        }
        match character {
            '{' | '[' => {
                output.push(character);
                depth += 1;
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !just_opened {
                    new_line(&mut output, depth);
                }
                output.push(character);
            }
            ',' => {
                output.push(',');
                new_line(&mut output, depth);
            }
            ':' => output.push_str(": "),
            _ => {
                in_string = character == '"';
                output.push(character);
            }
        }
        just_opened = matches!(character, '{' | '[');
    }
    output
}

fn new_line(output: &mut String, depth: usize) {
    output.push('\n');
    output.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_numbers_and_strings() {
        let text = concat!(
            r#"{"z":1.50,"a":{},"list":[1e3, 18446744073709551616,[]],"#,
            r#""text":"a: {\"b\", [c]\\","é":null}"#
        );
        insta::assert_snapshot!(indented(text), @r#"
        {
          "z": 1.50,
          "a": {},
          "list": [
            1e3,
            18446744073709551616,
            []
          ],
          "text": "a: {\"b\", [c]\\",
          "é": null
        }
        "#);
    }

    #[test]
    fn ignores_existing_indentation() {
        let compact = r#"{"a":[1,{"b":"c d"}],"e":{}}"#;
        let spread = "{\n\t\"a\" : [ 1 , { \"b\" : \"c d\" } ] ,\r\n \"e\" : { } }\n";
        assert_eq!(indented(compact), indented(spread));
        let again: serde_json::Value = serde_json::from_str(&indented(compact)).unwrap();
        assert_eq!(
            again,
            serde_json::from_str::<serde_json::Value>(compact).unwrap()
        );
    }
}
