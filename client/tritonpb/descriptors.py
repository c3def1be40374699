"""descriptors.py FILE - writes the FileDescriptorSet of Triton's gRPC API, which the wheel tritonclient carries.

The wheel leaves the comments out; grpc.health.v1, which Triton answers too, comes with grpc-go.
"""

import sys

from google.protobuf import descriptor_pb2
from tritonclient.grpc import service_pb2


def main():
    files = descriptor_pb2.FileDescriptorSet()
    seen = set()

    def add(descriptor):
        if descriptor.name in seen:
            return
        seen.add(descriptor.name)
        for dependency in descriptor.dependencies:
            add(dependency)
        descriptor.CopyToProto(files.file.add())

    add(service_pb2.DESCRIPTOR)
    with open(sys.argv[1], "wb") as out:
        out.write(files.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
