"""The page that explains every setting, made of what `Settings` says of itself."""

from service.settings import PREFIX, Settings, variable


def settings_page() -> str:
    """docs/settings.md, whole: `python -m service settings` prints it, a test compares it."""
    rows = [
        f"| `{variable(name)}` | {_allowed(name)} | {_default(name)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(
        [
            "# Settings",
            "",
            "<!-- Generated: python -m service settings > docs/settings.md -->",
            "",
            "Every setting is an environment variable, read once at start. An unknown",
            f"`{PREFIX}*` variable, or a value that is not allowed, stops the service with an",
            "error that names it. An empty value counts as unset.",
            "",
            "| Variable | Values | Default | Meaning |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _allowed(name: str) -> str:
    schema = Settings.model_json_schema()["properties"][name]
    # An optional setting is `anyOf: [its type, null]`.
    schema = schema.get("anyOf", [schema])[0] | {"enum": schema.get("enum")}
    if schema["enum"]:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "boolean":
        return "`true`, `false`"
    kind = {"string": "text", "integer": "integer", "number": "number"}[schema["type"]]
    if schema.get("format") == "path":
        kind = "path"
    bounds = [
        f"{sign} {schema[key]:g}"
        for key, sign in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
        )
        if key in schema
    ]
    return " ".join([kind, ", ".join(bounds)]).strip()


def _default(name: str) -> str:
    default = Settings.model_fields[name].default
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return "unset" if default is None else f"`{default}`"
