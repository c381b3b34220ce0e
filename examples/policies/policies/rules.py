"""Rules over plans. A function gets one change, or the whole plan, and yields a message for whatever it minds."""

REGISTRIES = ("nvcr.io/", "registry.acme.example/")


def deny_unknown_registry(change):
    spec = (change.after or {}).get("spec", {})
    image = spec.get("image")
    if image and not image.startswith(REGISTRIES):
        yield f"the image {image} comes from none of {', '.join(REGISTRIES)}"


def warn_many_deletions(plan, environment):
    if environment == "prod" and plan.to_destroy > 10:
        yield f"{plan.to_destroy} resources would be destroyed"
