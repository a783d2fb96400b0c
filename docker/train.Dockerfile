# model_export: training, evaluation, export and verification. From the repository's root:
#
#   docker build -f docker/train.Dockerfile -t seq2serve:train .
#   mkdir -p runs models
#   docker run --rm --user "$(id -u):$(id -g)" -v /path/to/corpora:/data:ro \
#       -v "$PWD/runs:/training/runs" -v "$PWD/models:/training/models" \
#       seq2serve:train all /app/model_export/recipes/reversed-letters.toml   # --gpus all: train there
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE} AS dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python3 -m venv --without-pip /opt/venv
COPY pyproject.toml ./
COPY constraints/serve.txt constraints/dev.txt constraints/
COPY docker/requirements.py docker/
# `cpu`: exported graphs are verified on the CPU; training uses PyTorch's own CUDA.
RUN python3 docker/requirements.py cpu train > requirements.txt \
    && python3 -m pip --python /opt/venv/bin/python install \
        --constraint constraints/serve.txt --constraint constraints/dev.txt \
        --requirement requirements.txt

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE} AS train
LABEL org.opencontainers.image.title="seq2serve-train" \
      org.opencontainers.image.description="Training and export of seq2serve's models" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --no-log-init --system --no-create-home --uid 10001 --user-group \
        --shell /usr/sbin/nologin seq2serve
# ONNX Runtime reports its use to its vendor unless told not to.
ENV PATH=/opt/venv/bin:$PATH \
    ORT_DISABLE_TELEMETRY=1 \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    HOME=/tmp \
    DATA_DIR=/data
COPY --from=dependencies /opt/venv /opt/venv
COPY LICENSE /app/
# The pure part of the service too: what evaluates and verifies is the code that serves.
COPY service /app/service
COPY model_export /app/model_export
# Runs go to runs/, bundles to models/ of this directory; recipes find corpora in DATA_DIR.
WORKDIR /training
USER 10001:10001
ENTRYPOINT ["python", "-m", "model_export"]
CMD ["--help"]
