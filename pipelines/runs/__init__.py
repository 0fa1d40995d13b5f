"""What a person starts: exposure runs, training, stress, what-if, explain; each as a job with its run folder."""
