# The recsys command as a static binary in an image that holds nothing else.
#   docker build -t recsys .
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /recsys ./cmd/recsys

FROM scratch
# For rediss:// and other TLS connections.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /recsys /recsys
USER 65532:65532
EXPOSE 8080 9090
ENTRYPOINT ["/recsys"]
CMD ["--help"]
