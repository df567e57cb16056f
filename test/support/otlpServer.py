"""Takes OTLP/HTTP requests in JSON, checks them by OpenTelemetry's protobuf schema, and appends them to a file."""

import base64
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KINDS = {"/v1/traces": ExportTraceServiceRequest, "/v1/metrics": ExportMetricsServiceRequest}
IDS = {"traceId": 16, "spanId": 8, "parentSpanId": 8}


def in_base64(node):
    """OTLP has ids in hexadecimal, where the JSON form of protobuf has bytes in base64."""
    if isinstance(node, list):
        return [in_base64(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {}
    for key, value in node.items():
        if key in IDS:
            data = bytes.fromhex(value)
            if len(data) != IDS[key]:
                raise ValueError(f"{key} has {len(data)} bytes")
            made[key] = base64.b64encode(data).decode()
        else:
            made[key] = in_base64(value)
    return made


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            content = json.loads(body)
            json_format.ParseDict(in_base64(content), KINDS[self.path]())
        except Exception as error:
            print(error, file=sys.stderr, flush=True)
            self.answer(400, {"message": str(error)})
            return
        with open(sys.argv[2], "a", encoding="utf8") as out:
            out.write(json.dumps(content) + "\n")
        self.answer(200, {})

    def do_GET(self):
        self.answer(200, {})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
