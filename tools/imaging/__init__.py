"""What tools/image is made of: reading ELF, choosing files, layers, the OCI form, the bill of materials, a registry."""


class Fault(Exception):
    """One sentence for people: what, where, what to do."""
