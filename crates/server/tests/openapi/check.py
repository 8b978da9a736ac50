"""Validates an OpenAPI document, and recorded responses against it.

Usage: check.py DOCUMENT DIRECTORY. The directory has a file for each operation, named after it: a
list of exchanges with `status`, `content_type` and `body`. Prints the problems as a JSON list.
"""

import json
import pathlib
import sys

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
HERE = "urn:openapi"


def pointer(*steps):
    return "/" + "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in steps)


class Document:
    def __init__(self, path):
        self.content = yaml.safe_load(path.read_text(encoding="utf-8"))
        resource = Resource(contents=self.content, specification=DRAFT202012)
        self.registry = Registry().with_resource(HERE, resource)

    def resolve(self, value, place):
        """Follows a reference; returns the response and its JSON pointer."""
        if "$ref" not in value:
            return value, place
        place = value["$ref"].removeprefix("#")
        value = self.content
        for step in place.split("/")[1:]:
            value = value[step.replace("~1", "/").replace("~0", "~")]
        return value, place

    def broken_references(self, value=None):
        """The references to schemas that are not defined."""
        value = self.content if value is None else value
        children = value.values() if isinstance(value, dict) else value
        if isinstance(value, dict) and isinstance(value.get("$ref"), str):
            name = value["$ref"].removeprefix("#/components/schemas/")
            if name != value["$ref"] and name not in self.content["components"]["schemas"]:
                yield f"the schema {name} is not defined"
        for child in children:
            if isinstance(child, (dict, list)):
                yield from self.broken_references(child)

    def errors(self, body, place):
        validator = Draft202012Validator(
            {"$ref": f"{HERE}#{place}"},
            registry=self.registry,
            format_checker=FormatChecker(["uuid", "date-time"]),
        )
        for error in validator.iter_errors(body):
            yield f"{error.json_path}: {error.message[:300]}"


def check_exchange(document, responses, place, exchange):
    status = str(exchange["status"])
    key = status if status in responses else "default"
    response, response_place = document.resolve(responses[key], place + pointer(key))
    content = response.get("content", {})
    if not content:
        if exchange["body"] is not None:
            yield "has a body although none is documented"
        return
    kind = (exchange["content_type"] or "").split(";")[0]
    if kind not in content:
        yield f"has the type {kind!r}; documented are {sorted(content)}"
        return
    schema_place = response_place + pointer("content", kind, "schema")
    yield from document.errors(exchange["body"], schema_place)


def main(document_path, directory):
    document = Document(document_path)
    broken = sorted(set(document.broken_references()))
    if broken:
        json.dump(broken, sys.stdout)
        return
    validator = OpenAPIV31SpecValidator(document.content)
    problems = [str(error)[:500] for error in validator.iter_errors()]
    names, by_default = set(), 0
    for path, item in document.content["paths"].items():
        for method in sorted(METHODS & set(item)):
            operation = item[method]
            name = operation["operationId"]
            names.add(name)
            recorded = directory / f"{name}.json"
            if not recorded.exists():
                problems.append(f"{name}: no recorded exchanges")
                continue
            place = pointer("paths", path, method, "responses")
            seen = set()
            for exchange in json.loads(recorded.read_text(encoding="utf-8")):
                status = str(exchange["status"])
                seen.add(status)
                if status not in operation["responses"]:
                    by_default += 1
                for problem in check_exchange(document, operation["responses"], place, exchange):
                    problems.append(f"{name} {status} ({exchange['case']}): {problem}")
            for status in set(operation["responses"]) - seen - {"default"}:
                problems.append(f"{name}: no recorded response with the status {status}")
    if by_default == 0:
        problems.append("no recorded response is documented by `default` only")
    for unknown in sorted({path.stem for path in directory.glob("*.json")} - names):
        problems.append(f"{unknown}: recorded but not documented")
    json.dump(sorted(problems), sys.stdout)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
