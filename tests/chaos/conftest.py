"""A platform on a real Redis and a real S3 server, shared by the chaos tests so that the dataset is drawn once."""

import uuid
from collections.abc import Iterator

import pytest

from phiforge.platform import Platform
from phiforge.settings import Settings
