"""Given and complete: corpus, models, calibration, packing, storage, plots."""

import warnings

# In a notebook without ipywidgets progress bars are drawn as text, which is fine; the warning would open
# every notebook.
warnings.filterwarnings("ignore", message="IProgress not found")
