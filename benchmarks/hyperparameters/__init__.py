"""The same hyper-parameters found three ways at equal compute: by the gradient, by evolution, by a study."""
