# seq2serve: the service with the bundles of models/. Two targets:
#
#   docker build --target cpu  -t seq2serve:cpu  .
#   docker build --target cuda -t seq2serve:cuda .    # docker run --gpus all ...
#
# CUDA and cuDNN come as wheels pinned beside onnxruntime-gpu (constraints/gpu.txt) instead of
# from a CUDA base image: both targets then share one base and one Python, only the libraries
# that ONNX Runtime opens are shipped, and their versions cannot drift from what it was built for.
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

# --- dependencies: one virtual environment per target, without pip and without our code --------
# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE} AS dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python3 -m venv --without-pip /opt/venv
COPY pyproject.toml ./
COPY constraints/serve.txt constraints/gpu.txt constraints/
COPY docker/requirements.py docker/

FROM dependencies AS dependencies-cpu
RUN python3 docker/requirements.py cpu > requirements.txt \
    && python3 -m pip --python /opt/venv/bin/python install \
        --constraint constraints/serve.txt --requirement requirements.txt

FROM dependencies AS dependencies-cuda
RUN python3 docker/requirements.py gpu > requirements.txt \
    && python3 -m pip --python /opt/venv/bin/python install \
        --constraint constraints/serve.txt --constraint constraints/gpu.txt \
        --requirement requirements.txt

# --- what the two images share -----------------------------------------------------------------
# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE} AS runtime
LABEL org.opencontainers.image.title="seq2serve" \
      org.opencontainers.image.description="Translation and summarization on ONNX Runtime" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --no-log-init --system --no-create-home --uid 10001 --user-group \
        --shell /usr/sbin/nologin seq2serve \
    && install --directory --owner=10001 --group=10001 --mode=700 /var/lib/seq2serve
# Nothing is written at run time but jobs, where SEQ2SERVE_JOBS_DIR says, so the root file system
# can be mounted read-only; a volume mounted at /var/lib/seq2serve can be written. ONNX Runtime
# reports its use to its vendor unless told not to.
ENV PATH=/opt/venv/bin:$PATH \
    ORT_DISABLE_TELEMETRY=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SEQ2SERVE_HOST=0.0.0.0 \
    SEQ2SERVE_MODELS_DIR=/app/models
WORKDIR /app
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('SEQ2SERVE_PORT', '8000') + '/readyz', timeout=4)"]
# Numeric, so that an orchestrator can see that it is not root.
USER 10001:10001
ENTRYPOINT ["python", "-m", "service"]

# --- the images: layers from the one that changes least to the one that changes most -----------
FROM runtime AS cuda
COPY --from=dependencies-cuda /opt/venv /opt/venv
# Who asks for this image wants the GPU: refuse to start without one rather than be slow.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    SEQ2SERVE_PROVIDER=require-cuda
COPY models models
COPY LICENSE ./
COPY service service

FROM runtime AS cpu
COPY --from=dependencies-cpu /opt/venv /opt/venv
ENV SEQ2SERVE_PROVIDER=cpu
COPY models models
COPY LICENSE ./
COPY service service
