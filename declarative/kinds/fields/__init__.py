"""Parts of a spec that kinds share, as pydantic models.

Types, bounds, enums and defaults are those of the control plane's OpenAPI documents; "mandatory" there means required
here. The models only describe and check: what travels through the program is the author's own values, frozen.
"""
