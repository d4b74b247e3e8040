"""Pages as visits of patients: their order, whether they show anything, and how large a pixel is."""
