"""mixcore: curate and mix pretraining text on Spark and Delta Lake."""

__version__ = "0.1.0"
