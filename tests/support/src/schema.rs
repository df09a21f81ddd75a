//! The published JSON Schemas as judges of what mctop writes.

use jsonschema::Validator;
use serde_json::{Value, json};

/// A schema of `docs/schema`.
pub fn read(name: &str) -> Value {
    let path = crate::workspace(&format!("docs/schema/mctop.{name}.schema.json"));
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A schema as it is, and one that also refuses members that are not in it: a reader must ignore those, but this version
/// of mctop must not write any.
pub struct Judge {
    open: Validator,
    closed: Validator,
}

impl Judge {
    /// Of a schema of `docs/schema`.
    pub fn of(name: &str) -> Self {
        let mut schema = read(name);
        jsonschema::meta::validate(&schema).unwrap();
        let open = validator(&schema);
        let mixed_in = references_of_all_of(&schema);
        close(&mut schema, "#", &mixed_in);
        Self { open, closed: validator(&schema) }
    }

    /// Fails with everything that is wrong with a document.
    pub fn accept(&self, document: &Value) {
        for (schema, validator) in [("schema", &self.open), ("closed schema", &self.closed)] {
            let errors: Vec<String> =
                validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert!(errors.is_empty(), "the {schema} refuses: {errors:#?}");
        }
    }

    /// Whether both refuse a document.
    pub fn refuses(&self, document: &Value) -> bool {
        !self.open.is_valid(document) && !self.closed.is_valid(document)
    }
}

fn validator(schema: &Value) -> Validator {
    jsonschema::options().should_validate_formats(true).build(schema).unwrap()
}

/// What other schemas are made of, which must therefore allow more members than their own.
fn references_of_all_of(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    match schema {
        Value::Object(members) => {
            let all_of = members.get("allOf").and_then(Value::as_array).into_iter().flatten();
            found.extend(all_of.filter_map(|part| part["$ref"].as_str()).map(str::to_owned));
            found.extend(members.values().flat_map(references_of_all_of));
        }
        Value::Array(items) => found.extend(items.iter().flat_map(references_of_all_of)),
        _ => {}
    }
    found
}

/// Refuses unknown members wherever members are declared.
fn close(schema: &mut Value, path: &str, mixed_in: &[String]) {
    let Value::Object(members) = schema else { return };
    if members.get("properties").is_some_and(Value::is_object) && !mixed_in.iter().any(|reference| reference == path) {
        members.insert("unevaluatedProperties".to_owned(), json!(false));
    }
    for (name, member) in members.iter_mut() {
        close(member, &format!("{path}/{name}"), mixed_in);
    }
}
