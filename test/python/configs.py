"""configs.py - reads texts of config.pbtxt with Triton's own protobuf.

On standard input stands a JSON list of pairs: a text, and another one that should say the same, or null. Written is a list of
answers: "refused: ..." for a text that protobuf refuses, "different" where the other one says something else, else "same".
"""

import json
import sys

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2


def read(text):
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def judge(text, other):
    try:
        message = read(text)
    except text_format.ParseError as error:
        return f"refused: {error}"
    return "same" if other is None or read(other) == message else "different"


json.dump([judge(text, other) for text, other in json.load(sys.stdin)], sys.stdout)
