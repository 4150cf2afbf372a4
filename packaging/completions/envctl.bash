# bash completion for envctl, loaded on first use: the program makes it of its own table of verbs.
eval "$(envctl completion bash 2>/dev/null)"
