"""Keeps items that a user can afford: those whose price is unknown or at most 20 + per_year * years."""

import json

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        self.per_year = np.float32(parameters["per_year"]["string_value"])

    def execute(self, requests):
        responses = []
        for request in requests:
            years = pb_utils.get_input_tensor_by_name(request, "years").as_numpy()
            prices = pb_utils.get_input_tensor_by_name(request, "prices").as_numpy()
            limit = years.astype(np.float32) * self.per_year + np.float32(20)
            limit = np.where(years < 0, np.float32(np.inf), limit)
            affordable = ~(prices > limit)  # NaN, an unknown price, is not greater
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("affordable", affordable)]))
        return responses
