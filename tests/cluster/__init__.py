"""Promises that only real processes can break: kill -9, many clients, slow readers, full disks, broken packets.

Each test starts servers of its own, by the command that users type.
"""
